"""The channels' files as matrices, checked against the schema that came with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgbm_runtime.channel_files import data_files, sha256_of, visible_files
from lgbm_runtime.channel_rows import first_row_of, read_rows
from lgbm_runtime.errors import SchemaError
from lgbm_runtime.evaluation import TRAIN, VALIDATION
from lgbm_runtime.failure import TrainingError
from lgbm_runtime.job_config import SCHEMA_CHANNEL
from lgbm_runtime.paths import ContainerPaths
from lgbm_runtime.schema import Schema

SCHEMA_FILE = "schema.json"
_REMEDY = "run prepare-data again and train on all the files that it writes"


@dataclass(frozen=True)
class Channel:
    """`features` (rows, columns) and `labels` (rows) are float64, NaN where a cell is missing, codes where it is text.

    `files` are paths within the channel, in the order of the rows.
    """

    name: str
    files: tuple[str, ...]
    features: NDArray[np.float64]
    labels: NDArray[np.float64]


@dataclass(frozen=True)
class Channels:
    """All of a job's data. `named`: the columns' names are the data's own, from the schema or a header row."""

    columns: Schema
    named: bool
    train: Channel
    validation: Channel | None

    @property
    def given(self) -> list[Channel]:
        return [self.train] if self.validation is None else [self.train, self.validation]


def read_schema(paths: ContainerPaths) -> Schema | None:
    """The schema channel's schema; None where there is no such channel.

    Raises TrainingError when the channel holds anything but one schema.json of the format that this program reads.
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
    """Reads `train`, and `validation` where there is such a channel.

    Without a schema all columns are numbers, the target is the last one, and the columns' names are those of a header
    row in the first file (a first row without any number), `Column_0` … otherwise. Raises TrainingError naming
    channel, file, row and column where the files are not what the schema says.
    """
    folder = paths.channel_path(TRAIN)
    files = data_files(folder)
    columns, named = (schema, True) if schema is not None else _columns_of(files)
    train = _read(folder, files, columns)
    folder = paths.channel_path(VALIDATION)
    validation = _read(folder, data_files(folder), columns) if folder.is_dir() else None
    return Channels(columns, named, train, validation)


def _columns_of(files: Sequence[Path]) -> tuple[Schema, bool]:
    for path in files:
        first = first_row_of(path, f"channel {TRAIN}, {path.name}")
        if first.width == 0:
            continue
        if first.width == 1:
            raise TrainingError(f"channel {TRAIN}, {path.name}: one column only, features and a target are needed")
        if first.names is None:
            return Schema.without_channel(first.width - 1), False
        try:
            return Schema.without_channel(first.width - 1, first.names[:-1], first.names[-1]), True
        except SchemaError as error:
            raise TrainingError(f"channel {TRAIN}, {path.name}: {error}") from error
    raise TrainingError(f"channel {TRAIN} holds no rows")


def _read(folder: Path, files: Sequence[Path], columns: Schema) -> Channel:
    name = folder.name
    split = _split_of(columns, name)
    if len(files) == 1 and "sha256" in split and sha256_of(files[0]) != split["sha256"]:
        raise TrainingError(f"channel {name}: {files[0].name} is not the file that {SCHEMA_FILE} describes: {_REMEDY}")
    relative = tuple(str(path.relative_to(folder)) for path in files)
    parts = [read_rows(path, f"channel {name}, {label}", columns) for path, label in zip(files, relative, strict=True)]
    rows = np.concatenate(parts)
    if len(rows) == 0:
        raise TrainingError(f"channel {name} holds no rows")
    if split.get("rows", len(rows)) != len(rows):
        raise TrainingError(f"channel {name} holds {len(rows)} rows, {SCHEMA_FILE} lists {split['rows']}: {_REMEDY}")
    return Channel(name, relative, np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, -1]))


def _split_of(columns: Schema, name: str) -> dict[str, Any]:
    document = columns.document or {}
    splits = document.get("splits")
    split = splits.get(name) if isinstance(splits, dict) else None
    return split if isinstance(split, dict) else {}
