"""One channel file as a matrix: read in pieces, since its text can be many times as large as its numbers."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

import numpy as np
from numpy.typing import NDArray

from lgbm_runtime.cells import is_number_or_missing
from lgbm_runtime.csv_rows import rows_from_csv
from lgbm_runtime.errors import InvocationError
from lgbm_runtime.failure import TrainingError
from lgbm_runtime.schema import Schema

PIECE_CHARACTERS = 1 << 22


@dataclass(frozen=True)
class FirstRow:
    """The width of a file's first row (0: the file is empty), and the names in it when it is a header row."""

    width: int
    names: list[str] | None


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


def read_rows(path: Path, label: str, columns: Schema, piece_characters: int = PIECE_CHARACTERS) -> NDArray[np.float64]:
    """The file as float64 (rows, features and the target last); a header row may name the columns in any order.

    `label` names the file in messages. Raises TrainingError naming row (from 1, without the header), column and value.
    """
    parts: list[NDArray[np.float64]] = [np.empty((0, columns.width + 1))]
    rows = 0
    names = first_row_of(path, label, columns).names
    try:
        with _opened(path) as file:
            header = "" if names is None else _record(file)
            # names in the schema's order need no look-up, and numbers without one are read faster
            header = "" if names == _names(columns) else header
            for piece in _pieces(file, piece_characters):
                table = rows_from_csv(header + piece, columns, with_target=True, header=bool(header))
                if table.unseen:
                    name, level = table.unseen[0]
                    raise TrainingError(f"{label}, column {name}: {level!r} is none of the levels in the schema")
                parts.append(np.column_stack([table.matrix, cast("NDArray[np.float64]", table.target)]))
                rows += len(table.matrix)
    except InvocationError as error:
        raise TrainingError(f"{label}: {_counted_from(rows, error)}") from error
    except UnicodeDecodeError as error:
        raise TrainingError(f"{label} is not CSV in UTF-8: {error}") from error
    return np.concatenate(parts)


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


def _pieces(file: TextIO, characters: int) -> Iterator[str]:
    """The rest of the file in whole records: a quoted cell may hold line breaks."""
    while lines := file.readlines(characters):
        piece = "".join(lines)
        if piece.count('"') % 2:
            piece += _record(file, quoted=True)
        if piece.strip():
            yield piece


def _record(file: TextIO, *, quoted: bool = False) -> str:
    """The lines up to the end of the record; `quoted`: the file stands within a quoted cell."""
    text = ""
    for line in file:
        text += line
        if (text.count('"') % 2 == 1) is quoted:
            break
    return text
