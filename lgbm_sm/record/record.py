"""The record: a file that lists the jobs, endpoints, images and AWS resources of a project.

An entry is written before its resource is created, and removed after its resource is deleted. So the record contains
every resource, even after a command was killed. Each write replaces the whole file atomically. A lock prevents two
commands from writing at the same time.
"""

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from msgspec import structs

from lgbm_sm.errors import RecordError, WorkFolderError
from lgbm_sm.record.entries import (
    UNKNOWN_PROJECT,
    AwsEntry,
    Endpoint,
    Entry,
    Image,
    Place,
    RecordedEntry,
    TrainingJob,
)
from lgbm_sm.record.file_lock import FileLock
from lgbm_sm.record.record_file import RecordContents, parse, remedy, text_of
from lgbm_sm.record.work_folder import ENDPOINTS, JOBS, make_folder, mark_former_folders, remove_folder, remove_root

E = TypeVar("E", bound=RecordedEntry)

_ID_BYTES = 8


class Record:
    """The record in a work folder. The file is created with the first entry."""

    def __init__(self, work_path: Path, lock: FileLock | None = None) -> None:
        self.work_path = work_path
        self.path = work_path / "record.json"
        self._lock = lock or FileLock(work_path / "record.lock")

    @property
    def is_others(self) -> bool:
        """Whether the record belongs to the original of this copied project. A copy cannot start anything."""
        return False

    @property
    def jobs_path(self) -> Path:
        return self.work_path / JOBS

    @property
    def endpoints_path(self) -> Path:
        return self.work_path / ENDPOINTS

    @property
    def project_id(self) -> str:
        """The random id of this work folder: 16 hexadecimal digits. It is empty before the first change."""
        return self.contents().project_id

    def entries(self) -> tuple[Entry, ...]:
        """Return all recorded jobs and endpoints, oldest first."""
        return tuple(entry for entry in self._recorded() if isinstance(entry, TrainingJob | Endpoint))

    def _recorded(self) -> tuple[RecordedEntry, ...]:
        """Return all entries, oldest first. Raise RecordError if the file cannot be read."""
        return self.contents().entries

    def contents(self) -> RecordContents:
        """Return the contents of the file. They are empty if the file does not exist.

        Raises:
            RecordError: the file cannot be read, a newer lgbm-sm wrote it, or it contains a folder of another project.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return RecordContents()
        except (OSError, UnicodeDecodeError) as error:
            raise RecordError(f"failed to read {self.path}: {error}", remedy(self.path)) from error
        return parse(text, self.path)

    def training_jobs(self, project: str | None = None) -> tuple[TrainingJob, ...]:
        """Return the recorded training jobs of one project, or of all projects, oldest first."""
        jobs = (entry for entry in self.entries() if isinstance(entry, TrainingJob))
        return tuple(job for job in jobs if project in (None, job.project))

    def endpoints(self, project: str | None = None) -> tuple[Endpoint, ...]:
        """Return the recorded endpoints of one project, or of all projects, oldest first."""
        endpoints = (entry for entry in self.entries() if isinstance(entry, Endpoint))
        return tuple(endpoint for endpoint in endpoints if project in (None, endpoint.project))

    def images(self, project: str | None = None) -> tuple[Image, ...]:
        """Return the recorded images of one project, or of all projects, oldest first."""
        images = (entry for entry in self._recorded() if isinstance(entry, Image))
        return tuple(image for image in images if project in (None, image.project))

    def aws_entries(self) -> tuple[AwsEntry, ...]:
        """Return the recorded AWS resources except jobs and endpoints, oldest first."""
        return self.of_type(AwsEntry)

    def of_type(self, entry_type: type[E]) -> tuple[E, ...]:
        """Return the entries of this type, oldest first."""
        return tuple(entry for entry in self._recorded() if isinstance(entry, entry_type))

    def add(self, entry: RecordedEntry) -> None:
        """Add an entry. For a job or an endpoint, also create its folder. Call this before you create the resource."""

        def put(entries: list[RecordedEntry]) -> list[RecordedEntry]:
            return [*_without(entries, entry), entry]

        self._change(put, entry.folder if isinstance(entry, TrainingJob | Endpoint) else None)

    def update(self, entry: RecordedEntry) -> bool:
        """Replace the entry of the same kind and name. Return False if another command has removed the entry."""
        found = False

        def replace(entries: list[RecordedEntry]) -> list[RecordedEntry]:
            nonlocal found
            found = any(_same(entry, other) for other in entries)
            return [entry if _same(entry, other) else other for other in entries]

        self._change(replace)
        return found

    def remove(self, entry: RecordedEntry) -> None:
        """Remove an entry if the record contains it. Call this after you delete the resource."""
        self._change(lambda entries: _without(entries, entry))

    def make_folder(self, folder: Path) -> None:
        """Create the folder of a job or an endpoint before its entry is added.

        Raises:
            WorkFolderError: the folder cannot be created.
        """
        self._change(lambda entries: entries, folder)

    def remove_folder(self, folder: Path) -> None:
        """Remove the folder of a job or an endpoint. The errors are those of `work_folder.remove_folder`."""
        remove_folder(folder, self.work_path)

    def remove_root(self, job: TrainingJob) -> None:
        """Remove the /opt/ml folder of a job. The errors are those of `work_folder.remove_folder`."""
        remove_root(job.root_path, self.work_path)

    @property
    def inode(self) -> int:
        """The inode of the existing work folder."""
        return self.work_path.stat().st_ino

    def settle(self, *, adopts: bool = False) -> None:
        """Write the record in the current format, with the current folder of the project.

        Do not call this for a copy of a project. Folders that an older lgbm-sm created get their markers. With
        `adopts`, mark the recorded AWS resources as created by another work folder.

        Raises:
            WorkFolderError: the record cannot be written.
        """
        with self._lock.held():
            before = self.contents()
            project_id = before.project_id or secrets.token_hex(_ID_BYTES)
            if before.format_version == 1:
                mark_former_folders(self.work_path, project_id)
            entries = tuple(
                structs.replace(entry, adopted=True) if adopts and entry.place is Place.AWS else entry
                for entry in before.entries
            )
            self._write(RecordContents(project_id, self.work_path.parent, entries, inode=self.inode))

    def start_again(self) -> str:
        """Write an empty record with a new id, and return the id. Keep the old record as record.json.old."""
        project_id = secrets.token_hex(_ID_BYTES)
        with self._lock.held():
            if self.path.exists():
                shutil.copyfile(self.path, self.path.with_suffix(".json.old"))
            self._write(RecordContents(project_id, self.work_path.parent, inode=self.inode))
        return project_id

    def discard_unfinished_write(self) -> None:
        """Remove the temporary file that a killed command left. The record itself is always complete."""
        if self.work_path.exists():
            with self._lock.held():
                self._temporary_path.unlink(missing_ok=True)

    @property
    def _temporary_path(self) -> Path:
        # a fixed name is safe, because only the holder of the lock writes
        return self.path.with_suffix(".json.tmp")

    def _change(
        self, change: Callable[[list[RecordedEntry]], list[RecordedEntry]], new_folder: Path | None = None
    ) -> None:
        """Create `new_folder`, and write the result of `change` if the entries have changed."""
        with self._lock.held():
            before = self.contents()
            after = tuple(change(list(before.entries)))
            project_id = before.project_id or secrets.token_hex(_ID_BYTES)
            if before.format_version == 1:
                mark_former_folders(self.work_path, project_id)
            is_new = new_folder is not None and not new_folder.exists()
            try:
                if new_folder is not None:
                    make_folder(new_folder, project_id)
                if after != before.entries or (is_new and not before.project_id):
                    folder, inode = before.folder or self.work_path.parent, before.inode or self.inode
                    self._write(RecordContents(project_id, folder, after, inode=inode))
            except WorkFolderError:
                if new_folder is not None and is_new:
                    with suppress(WorkFolderError):
                        remove_folder(new_folder, self.work_path)
                raise

    def _write(self, contents: RecordContents) -> None:
        text = text_of(contents, self.work_path)
        try:
            with self._temporary_path.open("wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            self._temporary_path.replace(self.path)
            _sync_folder(self.work_path)
        except OSError as error:
            with suppress(OSError):
                self._temporary_path.unlink(missing_ok=True)
            raise WorkFolderError.of(error, self.path) from error


class DryRunRecord(Record):
    """A record that keeps its changes in memory, and never writes them."""

    def __init__(self, work_path: Path, *, is_others: bool = False) -> None:
        super().__init__(work_path)
        self._contents = super().contents()
        self._is_others = is_others

    @property
    def is_others(self) -> bool:
        """See Record."""
        return self._is_others

    def contents(self) -> RecordContents:
        """Return the contents of the record, including the changes in memory."""
        return self._contents

    def _change(
        self,
        change: Callable[[list[RecordedEntry]], list[RecordedEntry]],
        new_folder: Path | None = None,  # noqa: ARG002 - created only by make_folder
    ) -> None:
        before = self._contents
        project_id = before.project_id or secrets.token_hex(_ID_BYTES)
        self._contents = RecordContents(project_id, self.work_path.parent, tuple(change(list(before.entries))))

    def make_folder(self, folder: Path) -> None:
        """Create the folder, because a dry run also downloads files. The caller removes the folder."""
        super().make_folder(folder)
        make_folder(folder, self.project_id)

    def settle(self, *, adopts: bool = False) -> None:
        """Write nothing."""

    def discard_unfinished_write(self) -> None:
        """Remove nothing."""


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unrecorded_entry(record: Record, folder: Path, place: Place) -> Entry:
    """Return an entry for a job or an endpoint that the record does not contain. Its folder supplies the fields."""
    created_at = datetime.fromtimestamp(folder.stat().st_mtime, UTC) if folder.exists() else datetime.now(UTC)
    found: dict[str, Any] = {"name": folder.name, "project": UNKNOWN_PROJECT, "place": place, "created_at": created_at}
    if folder.parent == record.endpoints_path:
        return Endpoint(**found, folder=folder, training_job="")
    return TrainingJob(**found, folder=folder)


def _same(one: RecordedEntry, other: RecordedEntry) -> bool:
    return (one.kind, one.name) == (other.kind, other.name)


def _without(entries: list[RecordedEntry], entry: RecordedEntry) -> list[RecordedEntry]:
    return [other for other in entries if not _same(entry, other)]
