"""Find out whether a project is in its original folder, was moved, or is a copy."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from lgbm_sm.errors import RecordError, TimedOutError, WorkFolderError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Endpoint, Place, TrainingJob
from lgbm_sm.record.file_lock import FileLock
from lgbm_sm.record.record import DryRunRecord, Record
from lgbm_sm.record.record_file import WORK_FOLDER, RecordContents
from lgbm_sm.record.work_folder import is_same_folder, require_no_links

NEW_IDENTITY = "lgbm-sm new-identity"


def open_record(folder: Path, reporter: Reporter, *, changes: bool, dry_run: bool = False) -> Record:
    """Return the record of the project in `folder`. `changes` is true if the command may change the record.

    If the project was moved, the new folder is written to the record. A record of format 1 is converted to format 2. If
    the project is a copy, commands that change nothing read the record of the original project.

    Raises:
        RecordError: the record cannot be read, or the command may change the record and the project is a copy.
        WorkFolderError: the command may change the record, but the work folder cannot be written or is a link.
    """
    work_path = folder / WORK_FOLDER
    record = Record(work_path, FileLock(work_path / "record.lock", say=reporter.detail))
    if changes:
        require_no_links(work_path)
    contents = record.contents()
    original = find_original(contents, folder)
    if original is not None:
        if changes:
            raise RecordError(
                f"{folder} is a copy of {original}: its record contains the models, jobs and endpoints of {original}",
                f"run `{NEW_IDENTITY}` to make the copy a separate project, or work in {original}",
            )
        reporter.warn(
            f"{folder} is a copy of {original}, and uses its jobs and endpoints; run `{NEW_IDENTITY}` to make the copy "
            "a separate project"
        )
        return DryRunRecord(original / WORK_FOLDER, is_others=True)
    if dry_run:
        return DryRunRecord(work_path)
    is_moved = contents.folder is not None and not is_same_folder(contents.folder, folder)
    if is_moved:
        _require_moved(contents, record)
    # a renamed folder keeps its inode; a copy has a new inode
    adopts = is_moved and contents.inode not in (0, record.inode)
    if is_moved or contents.format_version == 1:
        # ignore errors: cleanup must work on a full disk, and commands that only read must work on a read-only disk
        with suppress(WorkFolderError, TimedOutError):
            record.settle(adopts=adopts)
    if is_moved:
        reporter.detail(f"this project was moved here from {contents.folder}")
    if adopts and any(entry.place is Place.AWS for entry in contents.entries):
        reporter.detail(
            "the folder was copied, not renamed, so the original may still use the AWS resources: `lgbm-sm cleanup` "
            "asks about them separately"
        )
    return record


def copy_warning(folder: Path) -> str:
    """Return a warning if the project is a copy, otherwise "". Commands that need no record print it."""
    with suppress(RecordError):
        original = find_original(Record(folder / WORK_FOLDER).contents(), folder)
        if original is not None:
            return f"{folder} is a copy of {original}; run `{NEW_IDENTITY}` to make it a separate project"
    return ""


def find_original(contents: RecordContents, folder: Path) -> Path | None:
    """Return the folder of the original if the project in `folder` is a copy, otherwise None.

    Another path to the same folder is not a copy.
    """
    other = contents.folder
    if other is None or is_same_folder(other, folder):
        return None
    marks: Collection[str] = [contents.project_id] if contents.project_id else _names(contents)
    try:
        text = (other / WORK_FOLDER / "record.json").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):  # deleted, or on another machine
        return None
    except OSError:  # for example, the folder belongs to another user; it may be the original
        return other
    return other if any(f'"{mark}"' in text for mark in marks) else None


def _names(contents: RecordContents) -> list[str]:
    return [entry.name for entry in contents.entries if isinstance(entry, TrainingJob | Endpoint)]


def _require_moved(contents: RecordContents, record: Record) -> None:
    """Refuse a record of format 1 if none of its folders exists here: it belongs to another project."""
    here = [entry for entry in contents.entries if isinstance(entry, TrainingJob | Endpoint)]
    local = [entry for entry in here if entry.place is not Place.AWS]
    if contents.format_version == 1 and local and not any(entry.folder.is_dir() for entry in here):
        raise RecordError(
            f"{record.path} belongs to the project in {contents.folder}: none of its folders exists here, for example "
            f"the folder of {local[0].name}",
            f"run `{NEW_IDENTITY}` to start an empty record",
        )
