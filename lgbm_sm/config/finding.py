"""Find the configuration of a command: in the current folder, or in a project above it."""

import os
import re
from pathlib import Path

DEFAULT_FILE_NAME = "config.yaml"
_WORK_FOLDER = ".lgbm-sm"
_REPOSITORY = ".git"
# searched as text, so that a file with YAML errors is found too; a config.yaml of other tools lacks this section
_PROJECT_SECTION = re.compile(r"""^(["']?)project\1[ \t]*:[ \t]*(\{.*|\#.*)?$""", re.MULTILINE)


def find_config(folder: Path) -> Path | None:
    """Return the path of config.yaml, relative to `folder`, or None if there is no such file.

    If `folder` has no config.yaml, use the nearest one in a folder above it that has a section `project`. The search
    ends at the root of the repository. It is skipped if `folder` has its own record.
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
    except OSError:  # the file does not exist, or cannot be read
        return False
    return _PROJECT_SECTION.search(text) is not None
