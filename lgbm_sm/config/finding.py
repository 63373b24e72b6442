"""Find the configuration of a command: in the current folder, or in a project above it."""

import os
import re
from pathlib import Path

DEFAULT_FILE_NAME = "config.yaml"
_WORK_FOLDER = ".lgbm-sm"
_REPOSITORY = ".git"
# as text, since a file with a mistake is to be found too; other tools have a config.yaml without such a section
_PROJECT_SECTION = re.compile(r"""^(["']?)project\1[ \t]*:[ \t]*(\{.*|\#.*)?$""", re.MULTILINE)


def find_config(folder: Path) -> Path | None:
    """Return the path of config.yaml for a command in `folder`, relative to it; None if there is none.

    Without one in `folder` itself, it is the nearest above with a section `project`, up to the root of the repository.
    A folder with a record of its own belongs to no project above it.
    """
    if (folder / DEFAULT_FILE_NAME).exists():
        return Path(DEFAULT_FILE_NAME)
    if (folder / _WORK_FOLDER).exists() or (folder / _REPOSITORY).exists():
        return None
    for above in folder.parents:
        path = above / DEFAULT_FILE_NAME
        if _is_project(path):
            return Path(os.path.relpath(path, folder))
        if (above / _REPOSITORY).exists():
            return None
    return None


def _is_project(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:  # there is none, or it is not ours to read
        return False
    return _PROJECT_SECTION.search(text) is not None
