"""Write the files of the data folder, and remove the files of an earlier data set."""

import csv
import fcntl
import hashlib
import itertools
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.csv_text import csv_blocks
from lgbm_sm.preparation.origin import DataOrigin
from lgbm_sm.preparation.schema import (
    CHANNELS,
    FOLDERS,
    Feature,
    Schema,
    Split,
    SplitFile,
    TargetColumn,
    file_sha256,
    read_schema,
    schema_path,
    stray_files,
    strays_error,
)
from lgbm_sm.preparation.table_digest import TableDigest

if TYPE_CHECKING:
    import pyarrow as pa

PREVIEW_ROWS = 5
_STAGING_FOLDER = ".prepare-data"  # in the data folder, never in a channel


@dataclass(frozen=True)
class PreparedFile:
    """A file in the data folder. `preview` contains the cells of its first rows."""

    split: Split
    path: Path
    rows: int
    columns: int
    preview: tuple[tuple[str, ...], ...]
    changed: bool


@dataclass(frozen=True)
class WrittenFolder:
    """The data folder after writing. `removed` are removed files of an earlier data set."""

    schema: Schema
    schema_changed: bool
    files: tuple[PreparedFile, ...]
    removed: tuple[Path, ...]


def require_outside(paths: tuple[Path, ...], folder: Path) -> None:
    """Refuse to read tables from the folders that prepare-data writes to.

    Raises:
        DataError: one of the paths is in a folder of a split or of the schema.
    """
    written = [(folder / name).resolve() for name in {*FOLDERS.values(), *CHANNELS.values()}]
    for path in paths:
        if any(path.resolve().is_relative_to(one) for one in written):
            raise DataError(f"{path} is in a folder that prepare-data writes to", "move the table to another folder")


@dataclass(frozen=True)
class Description:
    """The contents of schema.json except for the list of files, and the digest of the table."""

    dataset: str
    features: tuple[Feature, ...]
    target: TargetColumn
    origin: DataOrigin
    table: TableDigest


def write_data_folder(folder: Path, described: Description, tables: Mapping[Split, "pa.Table"]) -> WrittenFolder:
    """Write exactly `tables` to the data folder, and the schema that describes them.

    All files are first written to a staging folder. Then the files that an earlier schema.json lists are removed. The
    new schema.json is moved in before the new files: if the command is interrupted, the next run can find every file in
    schema.json. A file whose content stays the same is not replaced.

    Raises:
        DataError: a channel folder has an unexpected file, another prepare-data is still writing to the data folder, or
            the data folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            return _write(folder, described, tables)
    except OSError as error:
        # shutil.rmtree gives a path relative to the folder that it removes
        path = error.filename if error.filename and os.path.isabs(error.filename) else folder  # noqa: PTH117
        raise DataError(
            f"failed to write {path}: {error.strerror}", "check the permissions and the free disk space"
        ) from error


@contextmanager
def locked(folder: Path, wait_seconds: float = 60.0) -> Iterator[None]:
    """Lock the folder. The operating system releases the lock when the process ends.

    Raises:
        DataError: another process still has the lock after `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise DataError(f"another prepare-data is writing to {folder}", "wait until it ends")
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(folder: Path, described: Description, tables: Mapping[Split, "pa.Table"]) -> WrittenFolder:
    paths = {split: folder / FOLDERS[split] / f"{described.dataset}_{FOLDERS[split]}.csv" for split in Split}
    earlier = _earlier_files(folder)
    expected = {*earlier, *paths.values(), schema_path(folder)}
    if strays := [path for name in CHANNELS.values() for path in stray_files(folder, name, expected)]:
        raise strays_error(strays)
    staging = folder / _STAGING_FOLDER
    if staging.exists():
        shutil.rmtree(staging)
    staging.mkdir()
    digests = {split: _render(tables[split], staging / split) for split in Split}
    schema = Schema(
        format_version=1,
        dataset=described.dataset,
        features=described.features,
        target=described.target,
        origin=described.origin,
        splits={
            split: SplitFile(
                file=path.relative_to(folder).as_posix(), rows=tables[split].num_rows, sha256=digests[split]
            )
            for split, path in paths.items()
        },
    ).with_fingerprint()
    removed = sorted(path for path in earlier.difference(paths.values()) if path.exists())
    for path in removed:
        path.unlink()
    schema_changed = _place_schema(schema, staging / "schema", schema_path(folder))
    files = tuple(_place(split, paths[split], staging / split, tables[split], digests[split]) for split in Split)
    shutil.rmtree(staging)
    described.table.keep(folder)
    return WrittenFolder(schema, schema_changed, files, tuple(removed))


def _earlier_files(folder: Path) -> set[Path]:
    try:
        earlier = read_schema(folder)
    except DataError:  # if schema.json cannot be read, the earlier files are unknown, and count as unexpected files
        return set()
    return {folder / file.file for file in earlier.splits.values()}


def _render(table: "pa.Table", path: Path) -> str:
    """Write a table as CSV without header, and return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for content in csv_blocks(table):
            digest.update(content)
            file.write(content)
    return digest.hexdigest()


def _place_schema(schema: Schema, staged: Path, path: Path) -> bool:
    content = schema.to_bytes()
    if path.is_file() and path.read_bytes() == content:
        return False
    staged.write_bytes(content)
    path.parent.mkdir(exist_ok=True)
    staged.replace(path)
    return True


def _place(split: Split, path: Path, staged: Path, table: "pa.Table", digest: str) -> PreparedFile:
    with staged.open(encoding="utf-8", newline="") as file:
        preview = tuple(map(tuple, itertools.islice(csv.reader(file), PREVIEW_ROWS)))
    changed = not path.is_file() or file_sha256(path) != digest
    if changed:
        path.parent.mkdir(exist_ok=True)
        staged.replace(path)
    return PreparedFile(split, path, table.num_rows, table.num_columns, preview, changed)
