"""One channel file as matrices: cut into pieces, since its text can be many times as large as the memory."""

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
from lgbm_runtime.core.csv_rows import rows_from_csv
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.schema import Schema
from lgbm_runtime.training.failure import TrainingError

PIECE_BYTES = 1 << 22
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Matrix = NDArray[np.float64]
Rows = tuple[Matrix, Matrix]  # features (rows, columns) and labels (rows)


@dataclass(frozen=True)
class FirstRow:
    """The width of a file's first row (0: the file is empty), and the names in it when it is a header row."""

    width: int
    names: list[str] | None


@dataclass(frozen=True)
class Piece:
    """Whole records of a file: `size` bytes from `start` on.

    `label` names the file in messages; `first_row` records of the file stand before the piece, `rows` in it. `header`
    is the header row where it names the columns in an order of its own. `is_plain`: each line is a record.
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
    """Looks at the file's first row.

    It is a header row when no cell of it is missing or a number, and, where the columns are known, at least one cell
    is the name of one. `label` names the file in messages. Raises TrainingError when the file is no CSV in UTF-8.
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


def pieces_of(path: Path, label: str, columns: Schema, piece_bytes: int | None = None) -> list[Piece]:
    """Counts the file's records and cuts it into pieces of about `piece_bytes`, without a look at the numbers.

    None is PIECE_BYTES. Raises TrainingError when the file is no CSV; text behind the first row that is no UTF-8 is
    found when the piece is read.
    """
    names = first_row_of(path, label, columns).names
    header = ""
    if names is not None:
        with _opened(path) as file:
            header = _first_record(file)
    pieces: list[Piece] = []
    with path.open("rb") as file:
        start = _skip_to_rows(file, header)
        # names in the schema's order need no look-up, and numbers without one are read faster
        header = "" if names == _names(columns) else header
        rows = 0
        for data in _whole_records(file, piece_bytes or PIECE_BYTES):
            if not data.isspace():
                is_plain = b'"' not in data and b"\r" not in data
                count = _lines(data) if is_plain else _records(data, label, rows)
                pieces.append(Piece(path, label, start, len(data), rows, count, header, is_plain))
                rows += count
            start += len(data)
    return pieces


def read_piece(piece: Piece, columns: Schema, picked: Sequence[int] | None = None) -> Rows:
    """The piece's features and labels, of all its rows or of the `picked` ones, which are counted from 0.

    Raises TrainingError naming file, row (from 1, without the header), column and value of a cell that does not suit
    the columns; of the picked rows only where they are all.
    """
    with piece.path.open("rb") as file:
        file.seek(piece.start)
        data = file.read(piece.size)
    try:
        if picked is not None and piece.is_plain:
            lines = data.split(b"\n")
            data = b"\n".join([lines[index] for index in picked])
        table = rows_from_csv(piece.header.encode() + data, columns, with_target=True, header=bool(piece.header))
    except InvocationError as error:
        raise TrainingError(f"{piece.label}: {_counted_from(piece.first_row, error)}") from error
    except UnicodeDecodeError as error:
        raise TrainingError(f"{piece.label} is not CSV in UTF-8: {error}") from error
    if table.unseen:
        name, level = table.unseen[0]
        raise TrainingError(f"{piece.label}, column {name}: {level!r} is none of the levels in the schema")
    features, labels = table.matrix, cast("Matrix", table.target)
    if picked is not None and not piece.is_plain:
        return features[picked], labels[picked]
    return features, labels


def _names(columns: Schema) -> list[str]:
    return [*columns.feature_names, columns.target_name]


def _counted_from(rows: int, error: InvocationError) -> str:
    """The error's message, its row counted on from the rows before the piece."""
    counted = f"row {error.row}"
    if error.row is None or not error.message.startswith(counted):
        return error.message
    return f"row {rows + error.row}" + error.message[len(counted) :]


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def _first_record(file: TextIO) -> str:
    """The lines of the first record: a quoted cell may hold line breaks."""
    text = ""
    for line in file:
        text += line
        if text.count('"') % 2 == 0:
            break
    return text


def _skip_to_rows(file: BinaryIO, header: str) -> int:
    """Goes past the byte order mark and the header; returns the place."""
    start = len(_BYTE_ORDER_MARK) if file.read(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK else 0
    return file.seek(start + len(header.encode("utf-8")))


def _whole_records(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The rest of the file, cut behind records of lines: a quoted cell may hold line breaks."""
    while block := file.read(size):
        lines = [block, file.readline()]
        within_quotes = sum(line.count(b'"') for line in lines) % 2 == 1
        while within_quotes and (line := file.readline()):
            lines.append(line)
            within_quotes ^= line.count(b'"') % 2 == 1
        yield b"".join(lines)


def _lines(data: bytes) -> int:
    # empty lines at the end are no rows
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
