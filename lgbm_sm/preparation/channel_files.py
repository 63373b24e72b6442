"""The files of the data folder: written once they differ, removed when they are no longer wanted."""

import csv
import fcntl
import hashlib
import io
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
from lgbm_sm.preparation.schema import (
    CHANNELS,
    FOLDERS,
    Feature,
    Schema,
    Split,
    SplitFile,
    Target,
    file_sha256,
    load_schema,
    schema_path,
    stray_files,
    strays_error,
)

if TYPE_CHECKING:
    import pyarrow as pa

PREVIEW_ROWS = 5
_STAGING_FOLDER = ".prepare-data"  # within the data folder, and never in a channel
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class PreparedFile:
    """A file as it lies in the data folder. `preview`: the cells of its first rows, as in the file."""

    split: Split
    path: Path
    rows: int
    columns: int
    preview: tuple[tuple[str, ...], ...]
    changed: bool


@dataclass(frozen=True)
class WrittenFolder:
    """What became of the data folder: the files of all splits, and those that an earlier data set had left."""

    schema: Schema
    schema_changed: bool
    files: tuple[PreparedFile, ...]
    removed: tuple[Path, ...]


def require_outside(paths: tuple[Path, ...], folder: Path) -> None:
    """Refuse to read tables from where the files of this data folder are written.

    Raises:
        DataError: one of the paths lies in a folder of a split or of the schema.
    """
    written = [(folder / name).resolve() for name in {*FOLDERS.values(), *CHANNELS.values()}]
    for path in paths:
        if any(path.resolve().is_relative_to(one) for one in written):
            raise DataError(f"{path} lies where prepare-data writes its own files", "move the table to another folder")


def write_data_folder(
    folder: Path, dataset: str, features: tuple[Feature, ...], target: Target, tables: Mapping[Split, "pa.Table"]
) -> WrittenFolder:
    """Make the data folder hold exactly `tables`, and the schema that describes them.

    What an earlier schema.json lists is removed first, then comes the new schema.json, then each file, so that a
    folder left half done is known to the next run: nothing in it is a stray. All files are made in a folder of their
    own before, and a file whose bytes stay the same is not touched.

    Raises:
        DataError: a channel folder holds a file that is neither known nor to be written, another prepare-data
            goes on writing there, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            return _write(folder, dataset, features, target, tables)
    except OSError as error:
        # shutil.rmtree names a file as seen from the folder that it removes
        path = error.filename if error.filename and os.path.isabs(error.filename) else folder  # noqa: PTH117
        raise DataError(
            f"{path} cannot be written: {error.strerror}", "check permissions and space on the disk"
        ) from error


@contextmanager
def locked(folder: Path, wait_seconds: float = 60.0) -> Iterator[None]:
    """Hold the folder; the operating system lets go of it when the process ends, however it ends.

    Raises:
        DataError: another process still holds it after `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise DataError(f"another prepare-data is writing to {folder}", "wait until it has ended")
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


def _write(
    folder: Path, dataset: str, features: tuple[Feature, ...], target: Target, tables: Mapping[Split, "pa.Table"]
) -> WrittenFolder:
    paths = {split: folder / FOLDERS[split] / f"{dataset}_{FOLDERS[split]}.csv" for split in Split}
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
        dataset=dataset,
        features=features,
        target=target,
        splits={
            split: SplitFile(
                file=path.relative_to(folder).as_posix(), rows=tables[split].num_rows, sha256=digests[split]
            )
            for split, path in paths.items()
        },
    )
    removed = sorted(path for path in earlier.difference(paths.values()) if path.exists())
    for path in removed:
        path.unlink()
    schema_changed = _place_schema(schema, staging / "schema", schema_path(folder))
    files = tuple(_place(split, paths[split], staging / split, tables[split], digests[split]) for split in Split)
    shutil.rmtree(staging)
    return WrittenFolder(schema, schema_changed, files, tuple(removed))


def _earlier_files(folder: Path) -> set[Path]:
    try:
        earlier = load_schema(folder)
    except DataError:  # none, or none that can be read: whatever it wrote is then unknown, and a stray
        return set()
    return {folder / file.file for file in earlier.splits.values()}


def _render(table: "pa.Table", path: Path) -> str:
    """Write a table as CSV without header and return the SHA-256 of it.

    Integers are written as integers, floats in the shortest form that reads back the same, missing cells as empty ones.
    """
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, table.num_rows, _ROWS_AT_ONCE):
            rows = table.slice(start, _ROWS_AT_ONCE)
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(zip(*(cells.to_pylist() for cells in rows), strict=True))
            content = text.getvalue().encode()
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
