"""Find the data files of a channel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lgbm_runtime.training.failure import TrainingError

_SUFFIXES = frozenset({"", ".csv", ".txt"})
_COMPRESSED = frozenset({".gz", ".gzip", ".bz2", ".xz", ".zst", ".zip", ".snappy"})


def data_files(folder: Path) -> list[Path]:
    """Return all CSV files under the folder, in the order of their relative paths.

    The search includes subfolders at any depth and follows links. It skips hidden files and folders. It also skips
    names that begin with `_`, such as `_SUCCESS` and `_temporary`, which Spark and Hadoop write. Raises TrainingError
    if the channel has no file, or if a file is not CSV.
    """
    if not folder.is_dir():
        raise TrainingError(f"channel {folder.name} is missing: the folder {folder} does not exist")
    files = visible_files(folder)
    strange = [path for path in files if path.suffix.lower() not in _SUFFIXES]
    if strange:
        names = ", ".join(str(path.relative_to(folder)) for path in strange[:3])
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        compressed = any(path.suffix.lower() in _COMPRESSED for path in strange)
        reason = (
            "compressed files are not supported; unpack them"
            if compressed
            else "only .csv and .txt files are supported"
        )
        raise TrainingError(f"channel {folder.name} holds {names}{more}: {reason}")
    if not files:
        raise TrainingError(f"channel {folder.name} holds no files (looked in {folder})")
    return files


def visible_files(folder: Path) -> list[Path]:
    """Return all files under the folder, in the order of their relative paths.

    Files and folders whose names begin with `.` or `_` are skipped.
    """
    return sorted(_walk(folder), key=lambda path: path.relative_to(folder).parts)


def size_of(folder: Path) -> int:
    """Return the size of all files under the folder in bytes, or 0 if it does not exist."""
    return sum(path.stat().st_size for path in visible_files(folder))


def _walk(folder: Path) -> Iterator[Path]:
    visited: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = [name for name in folders if _is_data(name)]
        for name in names:
            if _is_data(name):
                yield Path(parent, name)


def _is_data(name: str) -> bool:
    return not name.startswith((".", "_"))
