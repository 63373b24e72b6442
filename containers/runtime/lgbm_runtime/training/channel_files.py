"""Which files of a channel are its data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from lgbm_runtime.training.failure import TrainingError

_SUFFIXES = frozenset({"", ".csv", ".txt"})
_COMPRESSED = frozenset({".gz", ".gzip", ".bz2", ".xz", ".zst", ".zip", ".snappy"})
_BLOCK_BYTES = 1 << 20


def data_files(folder: Path) -> list[Path]:
    """All CSV files under the folder, at any depth, in the order of their relative paths; links are followed.

    Hidden files and folders and those whose name begins with `_` (`_SUCCESS`, `_temporary`: the marks that Spark and
    Hadoop leave) are no data. Raises TrainingError naming the files that are neither, and when there is no data at all.
    """
    if not folder.is_dir():
        raise TrainingError(f"channel {folder.name} is missing: no folder {folder}")
    files = visible_files(folder)
    strange = [path for path in files if path.suffix.lower() not in _SUFFIXES]
    if strange:
        names = ", ".join(str(path.relative_to(folder)) for path in strange[:3])
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        compressed = any(path.suffix.lower() in _COMPRESSED for path in strange)
        reason = "compressed files are not read, unpack them" if compressed else "only .csv and .txt files are read"
        raise TrainingError(f"channel {folder.name} holds {names}{more}: {reason}")
    if not files:
        raise TrainingError(f"channel {folder.name} holds no files (looked in {folder})")
    return files


def visible_files(folder: Path) -> list[Path]:
    """All files under the folder but the hidden ones and marks, in the order of their relative paths."""
    return sorted(_walk(folder), key=lambda path: path.relative_to(folder).parts)


def size_of(folder: Path) -> int:
    """The bytes of all files under the folder; 0 where there is no folder."""
    return sum(path.stat().st_size for path in visible_files(folder))


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


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
