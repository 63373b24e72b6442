"""Find the files of the channels, split them into chunks, and check them by the schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lgbm_runtime.core.errors import SchemaError
from lgbm_runtime.core.manifest import sha256_of
from lgbm_runtime.core.schema import Schema
from lgbm_runtime.paths import ContainerPaths
from lgbm_runtime.training.channel_files import data_files, visible_files
from lgbm_runtime.training.channel_rows import Chunk, chunks_of, first_row_of, read_chunk
from lgbm_runtime.training.evaluation import TRAIN, VALIDATION
from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.job_config import SCHEMA_CHANNEL

SCHEMA_FILE = "schema.json"
_REMEDY = "run prepare-data again and train on all the files that it writes"


@dataclass(frozen=True)
class Channel:
    """A channel.

    `files` are the paths of its files. `chunks` cover the whole content of these files. Both are in the order of the
    rows.
    """

    name: str
    files: tuple[str, ...]
    chunks: tuple[Chunk, ...]

    @property
    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)


@dataclass(frozen=True)
class Channels:
    """All data of a job.

    `named` is true if a schema or a header row names the columns.
    """

    columns: Schema
    named: bool
    train: Channel
    validation: Channel | None

    @property
    def given(self) -> list[Channel]:
        return [self.train] if self.validation is None else [self.train, self.validation]


def read_schema(paths: ContainerPaths) -> Schema | None:
    """Return the schema in the channel `schema`, or None if that channel does not exist.

    Raises TrainingError if the channel contains anything except one valid schema.json.
    """
    folder = paths.channel_path(SCHEMA_CHANNEL)
    if not folder.is_dir():
        return None
    names = [str(path.relative_to(folder)) for path in visible_files(folder)]
    if names != [SCHEMA_FILE]:
        found = ", ".join(names) or "nothing"
        raise TrainingError(f"channel {SCHEMA_CHANNEL} must hold one file, {SCHEMA_FILE}, but holds {found}")
    try:
        return Schema.from_json(json.loads((folder / SCHEMA_FILE).read_text(encoding="utf-8")))
    except SchemaError as error:
        raise TrainingError(f"{SCHEMA_FILE}: {error}: {_REMEDY}") from error
    except ValueError as error:
        raise TrainingError(f"{SCHEMA_FILE} is not valid JSON: {error}") from error


def read_channels(paths: ContainerPaths, schema: Schema | None) -> Channels:
    """Find the files of the channel `train`, and of the channel `validation` if it exists.

    This function does not read the numbers. Without a schema, all columns are numbers, and the target is the last
    column. Then the names of the columns come from the first row of the first file, if that row has no number.
    Otherwise they are `Column_0`, `Column_1` and so on. Raises TrainingError if the files do not fit the schema.
    """
    folder = paths.channel_path(TRAIN)
    files = data_files(folder)
    columns, named = (schema, True) if schema is not None else _columns_of(files)
    train = _channel(folder, files, columns)
    folder = paths.channel_path(VALIDATION)
    validation = _channel(folder, data_files(folder), columns) if folder.is_dir() else None
    return Channels(columns, named, train, validation)


def _columns_of(files: Sequence[Path]) -> tuple[Schema, bool]:
    for path in files:
        first = first_row_of(path, f"channel {TRAIN}, {path.name}")
        if first.width == 0:
            continue
        if first.width == 1:
            raise TrainingError(
                f"channel {TRAIN}, {path.name}: only one column, but features and a target are required"
            )
        if first.names is None:
            return Schema.without_channel(first.width - 1), False
        try:
            return Schema.without_channel(first.width - 1, first.names[:-1], first.names[-1]), True
        except SchemaError as error:
            raise TrainingError(f"channel {TRAIN}, {path.name}: {error}") from error
    raise TrainingError(f"channel {TRAIN} holds no rows")


def _channel(folder: Path, files: Sequence[Path], columns: Schema) -> Channel:
    name = folder.name
    split = _split_of(columns, name)
    if len(files) == 1 and "sha256" in split and sha256_of(files[0]) != split["sha256"]:
        raise TrainingError(f"channel {name}: {files[0].name} is not the file that {SCHEMA_FILE} describes: {_REMEDY}")
    relative = tuple(str(path.relative_to(folder)) for path in files)
    chunks = [
        chunk
        for path, label in zip(files, relative, strict=True)
        for chunk in chunks_of(path, f"channel {name}, {label}", columns)
    ]
    channel = Channel(name, relative, tuple(chunks))
    if channel.rows == 0:
        raise TrainingError(f"channel {name} holds no rows")
    listed = split.get("rows", channel.rows)
    if listed != channel.rows:
        # if a header or a cell is wrong, report that: it helps more than the number of rows
        for chunk in chunks:
            read_chunk(chunk, columns)
        raise TrainingError(f"channel {name} holds {channel.rows} rows, but {SCHEMA_FILE} lists {listed}: {_REMEDY}")
    return channel


def _split_of(columns: Schema, name: str) -> dict[str, Any]:
    document = columns.document or {}
    splits = document.get("splits")
    split = splits.get(name) if isinstance(splits, dict) else None
    return split if isinstance(split, dict) else {}
