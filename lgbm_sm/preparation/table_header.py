"""Whether the first line of a CSV file names its columns."""

import csv
import gzip
import itertools
import json
import re
import shlex
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lgbm_sm.errors import DataError

# What pandas.read_csv takes for a missing cell by default.
MISSING_TEXTS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+|inf|infinity)([eE][+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_SAMPLED_ROWS = 200
_OTHER_DELIMITERS = (";", "|")
_HINT = "say so: --set data.header=true or --set data.header=false"


class UnknownHeaderError(DataError):
    """The first line may name the columns, or not."""


@dataclass(frozen=True)
class DetectedHeader:
    """Whether there is a header, and by what it was known."""

    present: bool
    reason: str


def is_number(text: str) -> bool:
    """Whether a cell reads as a decimal number or an infinity."""
    return _NUMBER.fullmatch(text) is not None


def detect_header(path: Path, rows: list[list[str]], names: tuple[str, ...]) -> DetectedHeader:
    """Find out whether the first of a file's first rows holds names.

    It does when it holds one of `names`, or text above columns of numbers; it does not when it holds numbers itself, or
    text that occurs again in the same column.

    Raises:
        UnknownHeaderError: the rows allow both.
    """
    first, *below = rows
    found = sorted(set(names) & set(first))
    if found:
        return DetectedHeader(present=True, reason=f"the first line names the columns (it has {', '.join(found)})")
    above_numbers: list[int] = []
    numbers: list[int] = []
    repeated: list[int] = []
    for position, cell in enumerate(first):
        column = [row[position] for row in below if position < len(row) and row[position] not in MISSING_TEXTS]
        if is_number(cell):
            numbers.append(position)
        elif cell not in MISSING_TEXTS and column and all(map(is_number, column)):
            above_numbers.append(position)
        elif cell in column:
            repeated.append(position)
    if above_numbers and not numbers:
        return DetectedHeader(
            present=True,
            reason=f"the first line names the columns (the column under {first[above_numbers[0]]} is numbers)",
        )
    if (numbers or repeated) and not above_numbers:
        return DetectedHeader(
            present=False,
            reason="no header: the columns are called Column_0 and so on "
            f"(the first line has {first[(numbers or repeated)[0]]!r})",
        )
    if numbers:
        why = (
            f"its first line has {first[above_numbers[0]]!r} above a column of numbers, like a name, "
            f"but also {first[numbers[0]]!r}, like a value"
        )
    else:
        why = "its first line is text, like the lines below it"
    raise UnknownHeaderError(f"{path}: it cannot be known whether the first line names the columns: {why}", _HINT)


def first_rows(path: Path, delimiter: str) -> list[list[str]]:
    """The first rows of a CSV file, with the header if there is one; at least one row of at least two cells.

    Raises:
        DataError: the file is empty, is no UTF-8 text, or its lines hold a single cell.
    """
    try:
        with _open_text(path) as file:
            rows = list(itertools.islice(filter(None, csv.reader(file, delimiter=delimiter)), _SAMPLED_ROWS))
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error
    except (csv.Error, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}", "check the file") from error
    if not rows:
        raise DataError(f"{path} is empty", "check the file")
    if len(rows[0]) == 1:
        raise _single_column(path, delimiter, rows[0][0])
    return rows


def not_utf8(path: Path) -> DataError:
    """Mostly a table that a spreadsheet on Windows has saved."""
    return DataError(
        f"{path} is not UTF-8 text",
        "save the file with the encoding UTF-8, or from Windows' own: iconv -f WINDOWS-1252 -t UTF-8 "
        f"{shlex.quote(str(path))} > utf8-{shlex.quote(path.name)}",
    )


def _single_column(path: Path, delimiter: str, line: str) -> DataError:
    said = f"{path} has a single column: {delimiter!r} is what keeps cells apart in such a file"
    other = next((sign for sign in _OTHER_DELIMITERS if sign in line), None)
    if other is None:
        return DataError(said, "save the table with this delimiter")
    # where a semicolon keeps cells apart, numbers mostly have a decimal comma
    decimal = ', decimal=","' if other == ";" else ""
    source, made = json.dumps(str(path), ensure_ascii=False), json.dumps(f"commas-{path.name}", ensure_ascii=False)
    program = f'import pandas; pandas.read_csv({source}, sep="{other}"{decimal}).to_csv({made}, index=False)'
    return DataError(f"{said}, and here it is {other!r}", f"save it with commas: python -c {shlex.quote(program)}")


def _open_text(path: Path) -> IO[str]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
