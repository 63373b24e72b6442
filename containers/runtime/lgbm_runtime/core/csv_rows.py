"""Convert CSV to a float64 matrix whose columns are in the order of the schema."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from lgbm_runtime.core.cells import Column, Unseen, columns_of, is_number_or_missing, listed
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.native_code import native_code
from lgbm_runtime.core.rows import Rows
from lgbm_runtime.core.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

# The number of rows that are converted at a time. More rows would take more memory, fewer rows more time.
_CHUNK_ROWS = 4096
# With at least this many lines, numpy.loadtxt is faster than split() and float().
_NUMPY_LINES = 64
# The number of lines per call of numpy.loadtxt, which holds the GIL: one or two milliseconds of work.
_BLOCK_LINES = 1024
# A table with one of these characters is read cell by cell. Only the csv module reads quotes. float() or numpy would
# accept 1_0 or 0x1p3 as numbers, and numpy ignores the control characters.
_NOT_PLAIN = (b'"', b"_", b"x", b"X", b"\x1c", b"\x1d", b"\x1e", b"\x1f")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def rows_from_csv(table: bytes, schema: Schema, *, with_target: bool = False, header: bool | None = None) -> Rows:
    """Return the rows of a table in UTF-8.

    The columns of the table are the features of the schema. If `with_target` is true, the target follows. `header`
    states whether the first line has the names of the columns. With None, the first line has names if at least one cell
    is the name of a column and no cell is a number or missing. With names, the columns may come in any order. Raises
    InvocationError(400), and UnicodeDecodeError if the table is not UTF-8.
    """
    table = table[3:] if table.startswith(BYTE_ORDER_MARK) else table
    # call rstrip only if necessary: it copies the table, which can have many megabytes
    table = table.rstrip(b"\r\n") if table.endswith((b"\r", b"\n\n", b"\r\n")) else table
    if table in (b"", b"\n"):
        raise InvocationError(400, "the table is empty")
    unseen = Unseen()
    values = None
    if schema.is_plain and not (with_target and schema.classes):
        values = _plain_values(table, schema, with_target=with_target, header=header)
        if values is not None and with_target and np.isnan(values[:, -1]).any():
            values = None
    if values is None:
        columns = columns_of(schema, with_target=with_target)
        text = table.decode("utf-8")
        values = _values(_records(text.rstrip("\r\n")), columns, unseen, header=header)
    if not with_target:
        return Rows(values, None, unseen.categories)
    return Rows(np.ascontiguousarray(values[:, :-1]), values[:, -1].copy(), unseen.categories)


def plain_row(line: bytes, width: int) -> array[float] | None:
    """Return the row in one line of numbers and empty cells, or None for any other text.

    The numbers are bit-identical to those of `rows_from_csv`, which takes five times as long. The caller passes any
    other text to `rows_from_csv`.
    """
    native = native_code()
    if native is not None:
        return native.read_row(line, width)
    text = line[:-1] if line.endswith(b"\n") else line
    # float() would accept a line break at the end of a cell, and an underscore in a number
    if not text or b"_" in text or b"\n" in text or b"\r" in text:
        return None
    try:
        row = array("d", [float(cell) if cell else math.nan for cell in text.split(b",")])
    except ValueError:
        return None
    return row if len(row) == width and not any(map(math.isinf, row)) else None


def _plain_values(table: bytes, schema: Schema, *, with_target: bool, header: bool | None) -> Matrix | None:
    """Return the matrix of a table of numbers and empty cells, with or without a header.

    Returns None if the table contains anything else. Then it must be read cell by cell.
    """
    width = schema.width + with_target
    if header is not True:
        values = _numbers(table, width)
        if values is not None or header is False:
            return values
    first_line, _, rest = table.partition(b"\n")
    names = first_line.decode("utf-8", "replace").rstrip("\r").split(",")
    columns = columns_of(schema, with_target=with_target)
    if not rest or b'"' in first_line or not (header or _is_header(names, columns)):
        return None
    order = [column.index for column in _ordered(names, columns)]
    values = _numbers(rest, width)
    if values is None or order == list(range(width)):
        return values
    ordered = np.empty_like(values)
    ordered[:, order] = values
    return ordered


def _numbers(table: bytes, width: int) -> Matrix | None:
    """Return the matrix of a table of finite numbers and empty cells, else None.

    The numbers are bit-identical to those of Python's float().
    """
    native = native_code()
    if native is not None:
        return native.read_numbers(table, width)
    if not table.isascii() or any(character in table for character in _NOT_PLAIN):
        return None
    text = table.decode("ascii")
    text = text[:-1] if text.endswith("\n") else text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = _with_nan(text).split("\n")
    # loadtxt skips empty lines
    if lines[0].count(",") != width - 1 or "" in lines:
        return None
    try:
        values = _converted(lines)
    except ValueError:
        return None
    return None if values.shape != (len(lines), width) or np.isinf(values).any() else values


def _converted(lines: Sequence[str]) -> Matrix:
    """Return the matrix of the numbers in the lines.

    Raises ValueError if a cell is not a number or the lines have different numbers of cells.
    """
    if len(lines) < _NUMPY_LINES:
        return np.array([list(map(float, line.split(","))) for line in lines])
    blocks = [lines[start : start + _BLOCK_LINES] for start in range(0, len(lines), _BLOCK_LINES)]
    return np.concatenate(
        [np.loadtxt(block, dtype=np.float64, delimiter=",", comments=None, ndmin=2) for block in blocks]
    )


def _with_nan(text: str) -> str:
    """Write `nan` into the empty cells of a table. numpy and float() read it as NaN.

    Empty lines stay empty.
    """
    # twice, because neighbouring cells share a comma: the first call misses every second one
    text = text.replace(",,", ",nan,").replace(",,", ",nan,").replace("\n,", "\nnan,").replace(",\n", ",nan\n")
    return ("nan" if text.startswith(",") else "") + text + ("nan" if text.endswith(",") else "")


def _values(records: Iterator[list[str]], columns: Sequence[Column], unseen: Unseen, *, header: bool | None) -> Matrix:
    first = next(records)
    if header is None:
        header = _is_header(first, columns)
    if header:
        columns = _ordered(first, columns)
    else:
        records = chain([first], records)
    blocks: list[Matrix] = []
    first_row_number = 1
    while True:
        block = list(_complete(islice(records, _CHUNK_ROWS), len(columns), first_row_number))
        if not block:
            break
        blocks.append(_block(block, columns, first_row_number, unseen))
        first_row_number += len(block)
    if not blocks:
        raise InvocationError(400, "the table has a header but no rows")
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _block(rows: Sequence[list[str]], columns: Sequence[Column], first_row_number: int, unseen: Unseen) -> Matrix:
    values = np.empty((len(rows), len(columns)))
    first_error: InvocationError | None = None
    for column, cells in zip(columns, zip(*rows)):
        try:
            values[:, column.index] = column.from_texts(cells, first_row_number, unseen)
        except InvocationError as error:
            if first_error is None or (error.row or 0) < (first_error.row or 0):
                first_error = error
    if first_error is not None:
        raise first_error
    return values


def _records(text: str) -> Iterator[list[str]]:
    number = 0
    try:
        for record in csv.reader(io.StringIO(text, newline=""), strict=True):
            yield record
            number += 1
    except csv.Error as error:
        raise InvocationError(400, f"line {number + 1} is not valid CSV: {error}") from error


def _complete(records: Iterator[list[str]], width: int, first_row_number: int) -> Iterator[list[str]]:
    for row, record in enumerate(records, first_row_number):
        if len(record) != width:
            seen = f"has {len(record)} cells" if record else "is an empty line"
            raise InvocationError(400, f"row {row} {seen}, but the table has {width} columns", row)
        yield record


def _is_header(cells: Sequence[str], columns: Sequence[Column]) -> bool:
    names = {column.name for column in columns}
    return any(cell in names for cell in cells) and not any(is_number_or_missing(cell) for cell in cells)


def _ordered(names: Sequence[str], columns: Sequence[Column]) -> list[Column]:
    """Return the columns in the order of the header's names."""
    by_name = {column.name: column for column in columns}
    given = Counter(names)
    faults = {
        "missing": [name for name in by_name if name not in given],
        "unexpected": [name for name in given if name not in by_name],
        "more than once": [name for name in by_name if given[name] > 1],
    }
    if any(faults.values()):
        found = "; ".join(f"{fault}: {listed(faulty)}" for fault, faulty in faults.items() if faulty)
        raise InvocationError(400, f"the header does not match the model's columns; {found}")
    return [by_name[name] for name in names]
