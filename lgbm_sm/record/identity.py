"""Find out whether a work folder is in its original project, was moved, or was copied."""

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
    """Return the record of the project in `folder`, for a command that `changes` it or not.

    The record of a moved project gets its new folder, and a record of format 1 is converted to format 2. In a copy,
    commands that change nothing read the original's record.

    Raises:
        RecordError: the folder is a copy and the command changes something, or the record cannot be read.
        WorkFolderError: the command changes something, and the work folder cannot be written or is a link.
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
                f"{folder} is a copy of {original}: its record names the models, jobs and endpoints of {original}",
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
    # a renamed folder keeps its inode; one that was copied, restored, or fetched from another machine does not
    adopts = is_moved and contents.inode not in (0, record.inode)
    if is_moved or contents.format_version == 1:
        # cleanup must work on a full disk, and reading commands on a read-only one
        with suppress(WorkFolderError, TimedOutError):
            record.settle(adopts=adopts)
    if is_moved:
        reporter.detail(f"this project was moved here from {contents.folder}")
    if adopts and any(entry.place is Place.AWS for entry in contents.entries):
        reporter.detail(
            "its files were copied, not renamed, so the original may still be in use: its AWS resources are adopted, "
            "and `lgbm-sm cleanup` asks about them separately"
        )
    return record


def copy_warning(folder: Path) -> str:
    """Return the warning of commands that need no record; empty if this is not a copy."""
    with suppress(RecordError):
        original = find_original(Record(folder / WORK_FOLDER).contents(), folder)
        if original is not None:
            return f"{folder} is a copy of {original}; run `{NEW_IDENTITY}` to make it a separate project"
    return ""


def find_original(contents: RecordContents, folder: Path) -> Path | None:
    """Return the folder of the original if the project in `folder` is a copy, otherwise None.

    The same folder under another path is not a copy.
    """
    other = contents.folder
    if other is None or is_same_folder(other, folder):
        return None
    marks: Collection[str] = [contents.project_id] if contents.project_id else _names(contents)
    try:
        text = (other / WORK_FOLDER / "record.json").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):  # gone, or on another machine
        return None
    except OSError:  # for instance another user's: without certainty, it is treated as the original
        return other
    return other if any(f'"{mark}"' in text for mark in marks) else None


def _names(contents: RecordContents) -> list[str]:
    return [entry.name for entry in contents.entries if isinstance(entry, TrainingJob | Endpoint)]


def _require_moved(contents: RecordContents, record: Record) -> None:
    """Refuse a record of format 1 from another project: none of its folders exists here."""
    here = [entry for entry in contents.entries if isinstance(entry, TrainingJob | Endpoint)]
    local = [entry for entry in here if entry.place is not Place.AWS]
    if contents.format_version == 1 and local and not any(entry.folder.is_dir() for entry in here):
        raise RecordError(
            f"{record.path} names folders in {contents.folder}, such as that of {local[0].name}, and none exists here",
            f"run `{NEW_IDENTITY}` to start a record without them",
        )
