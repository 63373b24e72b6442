"""Detect whether the first line of a CSV file is a header."""

import csv
import gzip
import itertools
import json
import re
import shlex
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from lgbm_sm.errors import DataError

# the texts that pandas.read_csv reads as a missing cell by default
MISSING_TEXTS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+|inf|infinity)([eE][+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_SAMPLED_ROWS = 200
_OTHER_SEPARATORS = (";", "|")
_HINT = "--set data.header=true or --set data.header=false"


class UnknownHeaderError(DataError):
    """The first line may be a header or not."""


@dataclass(frozen=True)
class DetectedHeader:
    """Whether there is a header, and the reason."""

    present: bool
    reason: str


def is_number(text: str) -> bool:
    """Return whether a cell is a decimal number or an infinity."""
    return _NUMBER.fullmatch(text) is not None


def detect_header(path: Path, rows: Sequence[Sequence[str]], names: Sequence[str]) -> DetectedHeader:
    """Decide whether the first of a file's first rows is a header.

    It is one if it contains one of `names`, or text above columns of numbers. It is not if it contains numbers itself,
    or text that occurs again in the same column.

    Raises:
        UnknownHeaderError: the rows allow both.
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
        column = [row[position] for row in below if position < len(row) and row[position] not in MISSING_TEXTS]
        if is_number(cell):
            cells.numbers.append(cell)
        elif cell not in MISSING_TEXTS and column and all(map(is_number, column)):
            cells.above_numbers.append(cell)
        elif cell in column:
            cells.repeated.append(cell)
    return cells


def first_rows(path: Path, separator: str) -> list[list[str]]:
    """Return the first rows of a CSV file, including a header; at least one row of two cells.

    Raises:
        DataError: the file is empty, is not UTF-8 text, or has a single column.
    """
    try:
        with _open_text(path) as file:
            rows = list(itertools.islice(filter(None, csv.reader(file, delimiter=separator)), _SAMPLED_ROWS))
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error
    except (csv.Error, EOFError, zlib.error) as error:
        raise DataError(f"failed to read {path} as CSV: {error}", "check the file") from error
    if not rows:
        raise DataError(f"{path} is empty", "check the file")
    if len(rows[0]) == 1:
        raise _single_column(path, separator, rows[0][0])
    return rows


def not_utf8(path: Path) -> DataError:
    """Return the error for another encoding, mostly that of a spreadsheet on Windows."""
    quoted = shlex.quote(str(path))
    return DataError(
        f"{path} is not UTF-8 text",
        f"save it as UTF-8, or convert it from Windows' encoding: iconv -f WINDOWS-1252 -t UTF-8 {quoted} "
        f"> utf8-{shlex.quote(path.name)}",
    )


def _single_column(path: Path, separator: str, line: str) -> DataError:
    other = next((sign for sign in _OTHER_SEPARATORS if sign in line), None)
    if other is None:
        message = f"{path} has only one column: expected {separator!r} as separator"
        return DataError(message, "save the table with this separator")
    # files with semicolons mostly have a decimal comma
    decimal = ', decimal=","' if other == ";" else ""
    source, target = json.dumps(str(path), ensure_ascii=False), json.dumps(f"commas-{path.name}", ensure_ascii=False)
    program = f'import pandas; pandas.read_csv({source}, sep="{other}"{decimal}).to_csv({target}, index=False)'
    return DataError(
        f"{path} uses {other!r} as separator, expected {separator!r}",
        f"save it with commas: python -c {shlex.quote(program)}",
    )


def _open_text(path: Path) -> IO[str]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
