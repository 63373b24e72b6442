"""Decide whether a new project uses the user's table in place, or gets a copy."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

TABLES = "tables"
_LARGEST_COPY = 20_000_000  # small enough for a repository


class TablePlace(NamedTuple):
    """The value of `data.file`, the file to copy to that path or None, and the reasons."""

    configured: str
    copy_of: Path | None
    why: tuple[str, ...]


def place_table(path: Path, folder: Path) -> TablePlace:
    """Return how the project in `folder` refers to the table `path`. Both paths are absolute.

    A small table outside the folder is copied, so that the project still works after it is moved or cloned.
    """
    if path.is_relative_to(folder):
        return TablePlace(path.relative_to(folder).as_posix(), None, ())
    original, size = os.path.relpath(path, folder), path.stat().st_size
    if size <= _LARGEST_COPY:
        copied = f"a copy of {original} ({_in_words(size)}), so that the project can be moved and cloned"
        return TablePlace(
            f"{TABLES}/{path.name}", path, (copied, "later changes to the original do not change the copy")
        )
    outside = (
        f"outside the project folder, and not copied: it has {_in_words(size)}, more than {_in_words(_LARGEST_COPY)}",
        "in a moved or cloned project, put the table at this relative path, or change data.file",
    )
    return TablePlace(original, None, outside)


def table_to_copy(configured: Path | None, paths: Sequence[Path], folder: Path) -> Path | None:
    """Return the table to copy into the project, or None if `data.file` does not name a copy."""
    if configured is None:
        return None
    place = place_table(paths[0], folder)
    return place.copy_of if Path(place.configured) == configured else None


def _in_words(size: int) -> str:
    return f"{size:,} bytes" if size < 100_000 else f"{size / 1e6:,.1f} MB"
