"""Numbers with any number of digits are read exactly as Python's float() reads them.

64 bits overflow at the 20th digit, a float64 is rounded at the 17th, and the largest finite one has 309 digits. So the
tests use numbers near powers of two and of ten, and numbers half-way between two floats.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator
from functools import lru_cache

import pytest

from lgbm_runtime.core.csv_rows import plain_row, rows_from_csv
from lgbm_runtime.core.schema import Schema

pytestmark = pytest.mark.usefixtures("code")

SINGLE = Schema.without_channel(1, ["a"])
MOST_DIGITS = 400
# each place of the point up to this many digits; of longer strings some, drawn with a fixed seed
EACH_PLACE = 24
WRAPPING = 1 << 64


def bits(value: float) -> bytes:
    return array("d", [value]).tobytes()


def whole_numbers() -> Iterator[int]:
    for power in range(math.ceil(MOST_DIGITS / math.log10(2))):
        two = 1 << power
        # beside a power of two, neighbours are 2**-52 apart above it and 2**-53 below: the middle is at half of that
        above, below = two + (two >> 53), two - (two >> 54)
        yield from (below, two - 1, two, two + 1, above, above + 1)
    for power in range(MOST_DIGITS):
        yield from (10**power - 1, 10**power, 10**power + 1)
    yield from (WRAPPING * multiple for multiple in range(2, 100))


@lru_cache(maxsize=1)
def digit_strings() -> tuple[list[str], list[float]]:
    """Return strings of 1 to 400 digits, and their values in CPython."""
    draw = random.Random(18)
    texts = []
    for digits in map(str, sorted(set(whole_numbers()))):
        if not 1 <= len(digits) <= MOST_DIGITS:
            continue
        count = len(digits)
        places = range(count + 1) if count <= EACH_PLACE else (0, count, *draw.choices(range(1, count), k=3))
        texts += [digits, *(f"{digits[:place]}.{digits[place:]}" for place in places)]
        # its value comes back into the range of float64, and to all ends of it
        texts += [
            f"{digits}e-{count}",
            f"{digits}E+{draw.randint(0, 308)}",
            f"{digits[0]}.{digits[1:]}e-{draw.randint(280, 330)}",
        ]
        zeros = "0" * draw.randint(1, MOST_DIGITS)
        texts += [zeros + digits, f"0.{zeros}{digits}", f"{zeros}.{zeros}{digits}e{len(zeros) + draw.randint(0, 30)}"]
    texts = [
        sign + text for text, sign in zip(texts, draw.choices(["", "-", "+"], [4, 2, 1], k=len(texts)), strict=True)
    ]
    return texts, list(map(float, texts))


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("18446744073709551616", 2.0**64),
        ("1.8446744073709551616", 1.8446744073709552),
        ("36893488147419103232", 2.0**65),
        ("-92233720368547758080", -9.223372036854776e19),
        ("0.018446744073709551616", 0.018446744073709551616),
        ("00000000000000000000018446744073709551616e-20", 0.18446744073709551616),
    ],
)
def test_digits_that_make_two_to_the_64_are_a_number_like_others(cell: str, number: float) -> None:
    row = plain_row(cell.encode(), 1)
    assert row is not None
    assert row.tolist() == [number]
    assert rows_from_csv(f"{cell}\n1\n".encode(), SINGLE).matrix[:, 0].tolist() == [number, 1.0]


def test_a_column_of_digit_strings_is_read_as_python_reads_it() -> None:
    texts, numbers = digit_strings()
    finite = [(text, number) for text, number in zip(texts, numbers, strict=True) if math.isfinite(number)]
    table = "\n".join(text for text, _ in finite).encode()
    read = rows_from_csv(table, SINGLE).matrix[:, 0].tolist()
    wrong = [text for (text, number), value in zip(finite, read, strict=True) if bits(number) != bits(value)]
    assert wrong == []


def test_a_single_digit_string_is_read_as_python_reads_it_or_not_at_all() -> None:
    texts, numbers = digit_strings()
    wrong = []
    for text, number in zip(texts[::2], numbers[::2], strict=True):
        row = plain_row(text.encode(), 1)
        expected = bits(number) if math.isfinite(number) else None
        if (row.tobytes() if row is not None else None) != expected:
            wrong.append(text)
    assert wrong == []
