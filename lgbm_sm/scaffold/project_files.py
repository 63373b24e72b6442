"""Write the files of a new project: all or none, without touching existing files."""

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lgbm_sm import __version__
from lgbm_sm.errors import UsageError
from lgbm_sm.scaffold.table_place import TABLES
from lgbm_sm.shipped import COPIED_VERSION, containers_path, example_config_path, examples_path

CONFIG = "config.yaml"
_EXAMPLE = "examples/src_builtin_container_serve"
_TEMPLATES = {
    "Makefile": "Makefile",
    ".gitignore": "gitignore",
    ".github/workflows/lgbm-sm.yml": "workflow.yml",
}
_CONTAINERS = "containers"
_VERSION = "@VERSION@"  # in the templates
_STAGING = ".lgbm-sm-init"
# files in a checkout that a project does not need
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.py[cod]", ".*_cache", ".DS_Store", "ruff.toml")


@dataclass(frozen=True)
class ProjectFiles:
    """The contents of a new project. `containers`: it has a copy of the images' files.

    `table` is the file to copy into the project, or None. `config_text` is the text of its config.yaml.
    """

    config_text: str = ""
    containers: bool = False
    table: Path | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """The paths, in the order of their move into the project. The configuration comes last."""
        copy = (_CONTAINERS,) if self.containers else ()
        table = (f"{TABLES}/{self.table.name}",) if self.table else ()
        return (*copy, *table, _EXAMPLE, *_TEMPLATES, CONFIG)


def add_containers(folder: Path) -> tuple[Path, ...]:
    """Copy the images' files into an existing project. See `write_project`."""
    return _write(folder, (_CONTAINERS,), _stage_containers)


def require_new(folder: Path, places: Sequence[str]) -> None:
    """Refuse a folder in which one of these files or folders exists.

    Raises:
        UsageError: names the existing files.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", "name a folder: lgbm-sm init DIR")
    existing = [place for place in places if os.path.lexists(folder / place)]
    if not existing:
        return
    hint = "init does not overwrite files: move them away, or name another folder: lgbm-sm init DIR"
    if (folder / _STAGING).exists():
        hint = "an earlier `lgbm-sm init` was killed: remove these files, then run it again"
    raise UsageError("\n".join(f"{folder / place} exists" for place in existing), hint)


def write_project(folder: Path, project: ProjectFiles) -> tuple[Path, ...]:
    """Create the files of a project in `folder`, and the folder if it does not exist.

    The files are created in a staging folder and then moved. After an interrupt, the moved files are removed again.
    Returns every file, sorted by path.

    Raises:
        UsageError: a file exists, or the folder cannot be written.
    """
    return _write(folder, project.places, lambda staging: _stage(staging, project))


def _write(folder: Path, places: Sequence[str], stage: Callable[[Path], None]) -> tuple[Path, ...]:
    require_new(folder, places)
    try:
        with contextlib.ExitStack() as undo:
            _make_folder(folder, undo)
            staging = folder / _STAGING
            shutil.rmtree(staging, ignore_errors=True)
            undo.callback(shutil.rmtree, staging, ignore_errors=True)
            staging.mkdir()
            stage(staging)
            files = tuple(folder / path.relative_to(staging) for path in sorted(staging.rglob("*")) if path.is_file())
            for place in places:
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


def _stage(staging: Path, project: ProjectFiles) -> None:
    if project.containers:
        _stage_containers(staging)
    if project.table:
        (staging / TABLES).mkdir()
        shutil.copyfile(project.table, staging / TABLES / project.table.name)
    shutil.copytree(examples_path() / Path(_EXAMPLE).name, staging / _EXAMPLE, ignore=_LEFT_OUT)
    templates = Path(__file__).parent / "templates"
    for place, name in _TEMPLATES.items():
        (staging / place).parent.mkdir(parents=True, exist_ok=True)
        text = (templates / name).read_text(encoding="utf-8").replace(_VERSION, __version__)
        (staging / place).write_text(text, encoding="utf-8")
    (staging / CONFIG).write_text(project.config_text, encoding="utf-8")


def _stage_containers(staging: Path) -> None:
    shutil.copytree(containers_path(), staging / _CONTAINERS, ignore=_LEFT_OUT)
    (staging / _CONTAINERS / COPIED_VERSION).write_text(f"{__version__}\n", encoding="utf-8")


def _make_folder(folder: Path, undo: contextlib.ExitStack) -> None:
    """Create the folder and its parents. After a failure, remove new folders that are empty."""
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
    """Return the commented configuration with its default values."""
    text = example_config_path().read_text(encoding="utf-8")
    return text.replace("This file lists all keys with their defaults.", "This file lists all keys.")
