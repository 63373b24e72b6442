"""Detect whether the first line of a CSV file is a header."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.date_cells import looks_like_date
from lgbm_sm.preparation.missing_tokens import is_number_token
from lgbm_sm.preparation.number_format import looks_like_number

# the texts that pandas.read_csv reads as a missing cell by default
MISSING_TEXTS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)
_HINT = "--set data.header=true or --set data.header=false"


class UnknownHeaderError(DataError):
    """The first line may be a header or not."""


@dataclass(frozen=True)
class DetectedHeader:
    """Whether there is a header, and the reason."""

    present: bool
    reason: str


def detect_header(path: Path, rows: Sequence[Sequence[str]], names: Sequence[str]) -> DetectedHeader:
    """Decide whether the first of a file's first rows is a header.

    A header contains one of `names`, or text above columns of numbers. A first line is not a header if it contains
    numbers, or a text that occurs again in the same column.

    Raises:
        UnknownHeaderError: the first row may be a header or a row of data.
    """
    first, *below = rows
    if found := sorted(set(names) & set(first)):
        return DetectedHeader(present=True, reason=f"the first line is a header (it contains {', '.join(found)})")
    cells = _sorted_cells(first, below)
    values = cells.numbers or cells.repeated
    if cells.above_numbers and not cells.numbers:
        reason = f"the first line is a header (the column {cells.above_numbers[0]} contains numbers)"
        return DetectedHeader(present=True, reason=reason)
    if values and not cells.above_numbers:
        reason = f"no header (the first line contains {values[0]!r}): the columns are named Column_0, Column_1, …"
        return DetectedHeader(present=False, reason=reason)
    why = "it is text, like the lines below it"
    if cells.numbers:
        why = (
            f"it has {cells.above_numbers[0]!r} above a column of numbers, like a name, but also "
            f"{cells.numbers[0]!r}, like a value"
        )
    raise UnknownHeaderError(f"{path}: cannot tell whether the first line is a header: {why}", _HINT)


class _Cells(NamedTuple):
    """The cells of the first line: numbers, text above numbers, and text that is repeated."""

    numbers: list[str]
    above_numbers: list[str]
    repeated: list[str]


def _sorted_cells(first: Sequence[str], below: Sequence[Sequence[str]]) -> _Cells:
    cells = _Cells([], [], [])
    for position, cell in enumerate(first):
        column = [row[position] for row in below if position < len(row) and not is_number_token(row[position])]
        if _is_value(cell):
            cells.numbers.append(cell)
        elif cell not in MISSING_TEXTS and column and all(map(_is_value, column)):
            cells.above_numbers.append(cell)
        elif cell in column:
            cells.repeated.append(cell)
    return cells


def _is_value(cell: str) -> bool:
    """Return whether a cell is a number, an infinity or a date."""
    return looks_like_number(cell) or looks_like_date(cell) or cell.strip(" +-").lower() in ("inf", "infinity")
