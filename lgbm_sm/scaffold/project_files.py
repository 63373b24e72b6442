"""Write the files of a new project: all or none, without touching existing files."""

import contextlib
import os
import shutil
from pathlib import Path

from lgbm_sm import __version__
from lgbm_sm.errors import UsageError
from lgbm_sm.shipped import containers_path, example_config_path, examples_path

CONFIG = "config.yaml"
_EXAMPLE = "examples/src_builtin_container_serve"
_TEMPLATES = {
    "Makefile": "Makefile",
    ".gitignore": "gitignore",
    ".github/workflows/lgbm-sm.yml": "workflow.yml",
}
_REQUIREMENTS = "requirements.txt"
# in the order in which they are moved into the project: the configuration comes last
_PLACES = ("containers", _EXAMPLE, *_TEMPLATES, _REQUIREMENTS, CONFIG)
_STAGING = ".lgbm-sm-init"
# files in a checkout that a project does not need
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.py[cod]", ".*_cache", ".DS_Store", "ruff.toml")


def require_new(folder: Path) -> None:
    """Refuse a folder in which a file of the project exists.

    Raises:
        UsageError: names the existing files.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", "name a folder: lgbm-sm init DIR")
    existing = [place for place in _PLACES if os.path.lexists(folder / place)]
    if not existing:
        return
    hint = "init does not overwrite files: move them away, or name another folder: lgbm-sm init DIR"
    if (folder / _STAGING).exists():
        hint = "an earlier `lgbm-sm init` was killed: remove these files, then run it again"
    raise UsageError("\n".join(f"{folder / place} exists" for place in existing), hint)


def write_project(folder: Path, config_text: str) -> tuple[Path, ...]:
    """Create the files of a project in `folder`, and the folder if it does not exist.

    They are created in a staging folder and then moved; if that is interrupted, the moved files are removed again.
    Returns every file, sorted by path.

    Raises:
        UsageError: a file exists, or the folder cannot be written.
    """
    require_new(folder)
    try:
        with contextlib.ExitStack() as undo:
            _make_folder(folder, undo)
            staging = folder / _STAGING
            shutil.rmtree(staging, ignore_errors=True)
            undo.callback(shutil.rmtree, staging, ignore_errors=True)
            staging.mkdir()
            _stage(staging, config_text)
            files = tuple(folder / path.relative_to(staging) for path in sorted(staging.rglob("*")) if path.is_file())
            for place in _PLACES:
                _make_folder((folder / place).parent, undo)
                undo.callback(_remove, folder / place)
                (staging / place).rename(folder / place)
            undo.pop_all()
            shutil.rmtree(staging)
    except OSError as error:
        raise UsageError(
            f"failed to write {error.filename or folder}: {error.strerror}",
            "check the permissions and the free disk space",
        ) from error
    return files


def _stage(staging: Path, config_text: str) -> None:
    shutil.copytree(containers_path(), staging / "containers", ignore=_LEFT_OUT)
    shutil.copytree(examples_path() / Path(_EXAMPLE).name, staging / _EXAMPLE, ignore=_LEFT_OUT)
    templates = Path(__file__).parent / "templates"
    for place, name in _TEMPLATES.items():
        (staging / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(templates / name, staging / place)
    (staging / _REQUIREMENTS).write_text(f"lgbm-sm=={__version__}\n", encoding="utf-8")
    (staging / CONFIG).write_text(config_text, encoding="utf-8")


def _make_folder(folder: Path, undo: contextlib.ExitStack) -> None:
    """Create the folder and its parents; on failure the new ones are removed if empty."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir()
        undo.callback(_remove_empty, one)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def config_template() -> str:
    """Return the commented configuration, before values are set in it."""
    text = example_config_path().read_text(encoding="utf-8")
    return text.replace("This file lists all keys with their defaults.", "This file lists all keys.")
