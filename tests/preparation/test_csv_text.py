"""The text of channel files is what Python's csv.writer and repr write."""

import csv
import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lgbm_sm.preparation.csv_text import csv_blocks

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1)
# the ends of the ranges in which repr writes an exponent, or another form of it than other programs
FORMS = [1.0, -0.0, 1e-4, 9.999e-5, 1e-5, 1e-7, 1.5e-10, 1e15, 9999999999999998.0, 1e16, 1e22, 5e-324, 1.7e308, 2.0**53]
CELLS = {
    pa.float64(): st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(FORMS),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.large_string(): TEXT,
    pa.string(): TEXT | st.text('ab",\n', min_size=1),
}


def written(table: pa.Table) -> bytes:
    return b"".join(block.to_pybytes() for block in csv_blocks(table))


def written_by_python(columns: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(zip(*columns, strict=True))
    return text.getvalue().encode()


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))
    rows = draw(st.integers(1, 8))
    cells = [draw(st.lists(st.none() | CELLS[kind], min_size=rows, max_size=rows)) for kind in kinds]
    return pa.table(
        [pa.array(column, kind) for column, kind in zip(cells, kinds, strict=True)], list("abcd"[: len(kinds)])
    )


@given(tables())
@example(pa.table({"a": FORMS}))
@example(pa.table({"a": pa.array([None, 'say "no"', "a,b", "two\nlines", " é "])}))
def test_the_text_is_that_of_csv_writer(table: pa.Table) -> None:
    assert written(table) == written_by_python([column.to_pylist() for column in table.columns])


def test_the_text_is_that_of_csv_writer_when_the_floats_have_any_bits() -> None:
    bits = np.random.default_rng(1).integers(0, 2**64, 100_000, dtype=np.uint64)
    floats = bits.view(np.float64)
    floats = floats[np.isfinite(floats)]
    # most of those need an exponent; these have one of every power of ten, and few digits
    short = np.random.default_rng(2).integers(-9999, 9999, 40_000) * 10.0 ** np.arange(-20, 20).repeat(1000)
    for numbers in (floats, short):
        assert written(pa.table({"a": numbers})) == written_by_python([numbers.tolist()])


def test_a_row_is_in_one_block_when_the_table_has_several() -> None:
    rows, columns = 1_001, 501
    numbers = np.arange(rows * columns).reshape(columns, rows) / 8
    table = pa.table(list(numbers), [str(position) for position in range(columns)])
    # chunks do not end where blocks do
    table = pa.concat_tables([table.slice(0, 700), table.slice(700)])
    blocks = [block.to_pybytes() for block in csv_blocks(table)]
    assert len(blocks) == 2
    assert all(block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks) == written_by_python([column.tolist() for column in numbers])


@pytest.mark.parametrize("columns", [{"a": [None]}, {"a": [None], "b": [None]}])
def test_a_missing_cell_is_empty_but_quoted_when_it_is_the_only_one_of_its_row(columns: dict[str, list[None]]) -> None:
    table = pa.table(columns, pa.schema([(name, pa.float64()) for name in columns]))
    assert written(table) == (b'""\n' if len(columns) == 1 else b",\n")
