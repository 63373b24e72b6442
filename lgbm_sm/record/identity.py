"""Whose work folder this is: that of a project where it was made, of one that was moved, or of a copy."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from lgbm_sm.errors import RecordError, TimedOutError, WorkFolderError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Endpoint, Place, TrainingJob
from lgbm_sm.record.file_lock import FileLock
from lgbm_sm.record.record import Record, RehearsedRecord
from lgbm_sm.record.record_file import WORK_FOLDER, RecordContents
from lgbm_sm.record.work_folder import is_same_folder, require_no_links

NEW_IDENTITY = "lgbm-sm new-identity"


def open_record(folder: Path, reporter: Reporter, *, changes: bool, rehearsed: bool = False) -> Record:
    """The record of the project in `folder`, for a command that changes something, or for one that does not.

    A project that was moved is recorded at its new place, and a record of format 1 is written again in format 2. In a
    copy, commands that change nothing see the original's record as it is.

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
                f"run `{NEW_IDENTITY}` to make the copy a project of its own, or work in {original}",
            )
        reporter.warn(
            f"{folder} is a copy of {original}, whose jobs and endpoints are used here; "
            f"`{NEW_IDENTITY}` makes the copy a project of its own"
        )
        return RehearsedRecord(original / WORK_FOLDER, is_others=True)
    if rehearsed:
        return RehearsedRecord(work_path)
    is_moved = contents.folder is not None and not is_same_folder(contents.folder, folder)
    if is_moved:
        _require_moved(contents, record)
    # a folder that was renamed keeps its inode; one that was copied, restored, or fetched from another machine does not
    adopts = is_moved and contents.inode not in (0, record.inode)
    if is_moved or contents.format_version == 1:
        # cleanup works on a full disk, and what only reads on one that is read-only
        with suppress(WorkFolderError, TimedOutError):
            record.settle(adopts=adopts)
    if is_moved:
        reporter.detail(f"this project was moved here from {contents.folder}")
    if adopts and any(entry.place is Place.AWS for entry in contents.entries):
        reporter.detail(
            "its files were copied, not renamed, and the original may be in use elsewhere: what it has at AWS is "
            "adopted, and `lgbm-sm cleanup` asks about it separately"
        )
    return record


def copy_warning(folder: Path) -> str:
    """What a command that needs no record says in a copy; empty elsewhere, and if the record cannot be read."""
    with suppress(RecordError):
        original = find_original(Record(folder / WORK_FOLDER).contents(), folder)
        if original is not None:
            return f"{folder} is a copy of {original}; `{NEW_IDENTITY}` makes it a project of its own"
    return ""


def find_original(contents: RecordContents, folder: Path) -> Path | None:
    """The folder of the project that the one in `folder` is a copy of; None if it is not a copy.

    A folder that is reached by another path is the same folder, and not a copy.
    """
    other = contents.folder
    if other is None or is_same_folder(other, folder):
        return None
    marks: Collection[str] = [contents.project_id] if contents.project_id else _names(contents)
    try:
        text = (other / WORK_FOLDER / "record.json").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):  # gone, or on another machine
        return None
    except OSError:  # another user's, for instance: as long as nobody can tell, nothing of it is changed
        return other
    return other if any(f'"{mark}"' in text for mark in marks) else None


def _names(contents: RecordContents) -> list[str]:
    return [entry.name for entry in contents.entries if isinstance(entry, TrainingJob | Endpoint)]


def _require_moved(contents: RecordContents, record: Record) -> None:
    """A record of format 1 that was put into another project tells itself: no folder that it names is here."""
    here = [entry for entry in contents.entries if isinstance(entry, TrainingJob | Endpoint)]
    local = [entry for entry in here if entry.place is not Place.AWS]
    if contents.format_version == 1 and local and not any(entry.folder.is_dir() for entry in here):
        raise RecordError(
            f"{record.path} names folders in {contents.folder}, such as that of {local[0].name}, and none is here",
            f"run `{NEW_IDENTITY}` to start a record without them",
        )
