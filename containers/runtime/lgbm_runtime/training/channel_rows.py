"""Read a file of a channel in chunks, because a file can be larger than the memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from lgbm_runtime.core.cells import is_number_or_missing
from lgbm_runtime.core.csv_rows import BYTE_ORDER_MARK, rows_from_csv
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.schema import Schema
from lgbm_runtime.training.failure import TrainingError

CHUNK_BYTES = 1 << 22

Matrix = NDArray[np.float64]
Rows = tuple[Matrix, Matrix]  # features (rows, columns) and labels (rows)


@dataclass(frozen=True)
class FirstRow:
    """The first row of a file.

    `width` is the number of its cells, or 0 for an empty file. `names` are the cells of a header row, or None if the
    first row is not a header row.
    """

    width: int
    names: list[str] | None


@dataclass(frozen=True)
class Chunk:
    """Whole records of a file: `size` bytes from the byte `start` on.

    `label` names the file in messages. `first_row` is the number of records before the chunk. `rows` is the number of
    records in the chunk. `header` is the header row if its columns are not in the order of the schema, else empty.
    `is_plain` is true if each line is a record.
    """

    path: Path
    label: str
    start: int
    size: int
    first_row: int
    rows: int
    header: str
    is_plain: bool


def first_row_of(path: Path, label: str, columns: Schema | None = None) -> FirstRow:
    """Return the first row of the file.

    The first row is a header row if none of its cells is missing or a number. If `columns` are given, at least one cell
    must also be the name of a column. `label` names the file in messages. Raises TrainingError if the file is not CSV
    in UTF-8.
    """
    with _opened(path) as file:
        try:
            cells = next(csv.reader(file, strict=True), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise TrainingError(f"{label} is not CSV in UTF-8: {error}") from error
    is_header = bool(cells) and not any(is_number_or_missing(cell) for cell in cells)
    if is_header and columns is not None:
        is_header = not set(_names(columns)).isdisjoint(cells)
    return FirstRow(len(cells), cells if is_header else None)


def chunks_of(path: Path, label: str, columns: Schema, chunk_bytes: int | None = None) -> list[Chunk]:
    """Count the file's records and split it into chunks of about `chunk_bytes`.

    The default of `chunk_bytes` is CHUNK_BYTES. This function does not read the numbers. Raises TrainingError if the
    file is not CSV. After the first row, text that is not UTF-8 is an error only when `read_chunk` reads it.
    """
    names = first_row_of(path, label, columns).names
    header = ""
    if names is not None:
        with _opened(path) as file:
            header = _first_record(file)
    chunks: list[Chunk] = []
    with path.open("rb") as file:
        start = _skip_to_rows(file, header)
        # drop names that are in the order of the schema, because a chunk without a header is read faster
        header = "" if names == _names(columns) else header
        rows = 0
        for data in _whole_records(file, chunk_bytes or CHUNK_BYTES):
            if not data.isspace():
                is_plain = b'"' not in data and b"\r" not in data
                count = _lines(data) if is_plain else _records(data, label, rows)
                chunks.append(Chunk(path, label, start, len(data), rows, count, header, is_plain))
                rows += count
            start += len(data)
    return chunks


def read_chunk(chunk: Chunk, columns: Schema, picked: Sequence[int] | None = None) -> Rows:
    """Return the features and the labels of the chunk.

    `picked` has the positions of the rows to return, from 0. The default is all rows.

    Raises TrainingError for a cell that does not fit its column. The message has the file, the row, the column and the
    value. The first row after the header has the number 1. With `picked`, only the picked rows count.
    """
    with chunk.path.open("rb") as file:
        file.seek(chunk.start)
        data = file.read(chunk.size)
    try:
        if picked is not None and chunk.is_plain:
            lines = data.split(b"\n")
            data = b"\n".join([lines[index] for index in picked])
        table = rows_from_csv(chunk.header.encode() + data, columns, with_target=True, header=bool(chunk.header))
    except InvocationError as error:
        raise TrainingError(f"{chunk.label}: {_counted_from(chunk.first_row, error)}") from error
    except UnicodeDecodeError as error:
        raise TrainingError(f"{chunk.label} is not CSV in UTF-8: {error}") from error
    if table.unseen:
        name, category = table.unseen[0]
        raise TrainingError(f"{chunk.label}, column {name}: {category!r} is not one of the categories in the schema")
    features, labels = table.matrix, cast("Matrix", table.target)
    if picked is not None and not chunk.is_plain:
        return features[picked], labels[picked]
    return features, labels


def _names(columns: Schema) -> list[str]:
    return [*columns.feature_names, columns.target_name]


def _counted_from(rows: int, error: InvocationError) -> str:
    """Return the error's message with its row counted from the start of the file."""
    counted = f"row {error.row}"
    if error.row is None or not error.message.startswith(counted):
        return error.message
    return f"row {rows + error.row}" + error.message[len(counted) :]


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def _first_record(file: TextIO) -> str:
    """Return the lines of the first record. Line breaks in quoted cells make several lines."""
    text = ""
    for line in file:
        text += line
        if text.count('"') % 2 == 0:
            break
    return text


def _skip_to_rows(file: BinaryIO, header: str) -> int:
    """Skip the byte order mark and the header. Return the position after them."""
    start = len(BYTE_ORDER_MARK) if file.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK else 0
    return file.seek(start + len(header.encode("utf-8")))


def _whole_records(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the rest of the file in parts of whole records.

    The file is not split at any line break, because a quoted cell may contain line breaks.
    """
    while block := file.read(size):
        lines = [block, file.readline()]
        within_quotes = sum(line.count(b'"') for line in lines) % 2 == 1
        while within_quotes and (line := file.readline()):
            lines.append(line)
            within_quotes ^= line.count(b'"') % 2 == 1
        yield b"".join(lines)


def _lines(data: bytes) -> int:
    # empty lines at the end are not rows
    data = data.rstrip(b"\n") if data.endswith(b"\n\n") else data
    return data.count(b"\n") + (not data.endswith(b"\n"))


def _records(data: bytes, label: str, first_row: int) -> int:
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    rows = 0
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), strict=True):
            rows += 1
    except csv.Error as error:
        raise TrainingError(f"{label}: row {first_row + rows + 1} is not valid CSV: {error}") from error
    return rows
