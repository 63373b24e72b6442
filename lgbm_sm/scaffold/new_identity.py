"""`new-identity`: give a copy of a project its own name and record."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lgbm_sm.config.loading import LoadedConfig, load_config
from lgbm_sm.errors import RecordError, UsageError, WorkFolderError
from lgbm_sm.names import project_name_of
from lgbm_sm.progress import Reporter
from lgbm_sm.record.identity import find_original
from lgbm_sm.record.record import Record
from lgbm_sm.record.record_file import WORK_FOLDER
from lgbm_sm.record.work_folder import ENDPOINTS, JOBS, mark_former_folders, remove_folder, require_no_links
from lgbm_sm.scaffold.config_text import with_project_name


@dataclass(frozen=True)
class NewIdentity:
    """The new identity. `removed` are the removed copies of the original's folders."""

    name: str
    project_id: str
    config_path: Path
    original: Path | None
    removed: tuple[Path, ...]


def give_identity(
    loaded: LoadedConfig,
    name: str | None,
    *,
    overrides: Sequence[str],
    environment: Mapping[str, str],
    reporter: Reporter,
) -> NewIdentity:
    """Write another `project.name` to the configuration, and an empty record with a new id.

    The copied folders of the original's jobs and endpoints are removed. Folders that exist only in the copy remain,
    without a record entry. The old record is kept as record.json.old.

    Raises:
        UsageError: the project is not a copy.
        ConfigError: the name is not valid, or cannot be set in the configuration.
        WorkFolderError: the work folder cannot be written, or is a link.
    """
    folder = loaded.folder.resolve()
    work_path = folder / WORK_FOLDER
    record = Record(work_path)
    require_no_links(work_path)
    original = _original(record, folder)
    path = (loaded.path or folder / "config.yaml").resolve()
    name = name or project_name_of(loaded.config.project.name)
    _write_name(path, name)
    effective = load_config(path, overrides, environment).config.project.name
    if effective != name:
        reporter.warn(f"--set or the environment sets project.name: {effective}, which takes precedence over {name}")
    removed = _remove_copies(work_path, original / WORK_FOLDER) if original else []
    project_id = record.start_again()
    return NewIdentity(name, project_id, path, original, tuple(removed))


def _original(record: Record, folder: Path) -> Path | None:
    """Return the folder of the original project, or None if it is unknown."""
    try:
        contents = record.contents()
    except RecordError:
        return None
    original = find_original(contents, folder)
    others = contents.folder is not None and contents.format_version == 1 and contents.folder != folder
    if original is None and not others:
        raise UsageError(
            f"{folder} is not a copy of another project", "`lgbm-sm config` shows its name, in project.name"
        )
    return original


def _write_name(path: Path, name: str) -> None:
    """Replace the file atomically, after checking that the new text is a configuration."""
    text = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
    temporary_path = path.with_name(f".{path.name}.tmp")
    try:
        temporary_path.write_text(with_project_name(text, name), encoding="utf-8")
        load_config(temporary_path, (), {})
        if path.exists():
            shutil.copymode(path, temporary_path)
        temporary_path.replace(path)
    except OSError as error:
        raise WorkFolderError.of(error, path) from error
    finally:
        temporary_path.unlink(missing_ok=True)


def _remove_copies(work_path: Path, original_path: Path) -> list[Path]:
    mark_former_folders(work_path, "0" * 16)  # older versions created folders without a marker
    removed = []
    for parent in (work_path / JOBS, work_path / ENDPOINTS):
        for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
            if (original_path / parent.name / folder.name).is_dir() and not folder.is_symlink():
                remove_folder(folder, work_path)
                removed.append(folder)
    return removed
