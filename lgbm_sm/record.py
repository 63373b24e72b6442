"""What was made, where and when: the file by which later commands find it again.

An entry is written before the thing that it names is made and removed after the thing is gone, so that
whatever a killed command leaves behind is on record. Each write replaces the whole file atomically, under
a lock that commands running side by side share.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from lgbm_sm.entries import (
    UNKNOWN_PROJECT,
    AwsEntry,
    Endpoint,
    EndpointConfig,
    EndpointPart,
    Entry,
    Image,
    Model,
    Place,
    PushedImage,
    RecordedEntry,
    TrainingJob,
    in_order_of_deletion,
)
from lgbm_sm.errors import RecordError

FORMAT_VERSION: Literal[1] = 1


class _RecordFile(msgspec.Struct, forbid_unknown_fields=True):
    format_version: Literal[1] = FORMAT_VERSION
    entries: list[RecordedEntry] = []


class Record:
    """The record in a work folder, which is made when the first entry is written."""

    def __init__(self, work_path: Path) -> None:
        self.work_path = work_path
        self.path = work_path / "record.json"

    @property
    def jobs_path(self) -> Path:
        return self.work_path / "jobs"

    @property
    def endpoints_path(self) -> Path:
        return self.work_path / "endpoints"

    def entries(self) -> tuple[Entry, ...]:
        """Every job and endpoint on record, oldest first."""
        return tuple(entry for entry in self._recorded() if isinstance(entry, TrainingJob | Endpoint))

    def _recorded(self) -> tuple[RecordedEntry, ...]:
        """Everything on record, oldest first.

        Raises:
            RecordError: the file cannot be read, or another version of lgbm-sm wrote it.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise RecordError(f"{self.path} cannot be read: {error}", self._remedy) from error
        try:
            file = msgspec.json.decode(text, type=_RecordFile, dec_hook=lambda kind, value: kind(value))
        except msgspec.DecodeError as error:
            version = _format_version(text)
            if version is not None and version != FORMAT_VERSION:
                message = (
                    f"{self.path} has format version {version}, but this lgbm-sm reads version {FORMAT_VERSION} only"
                )
                raise RecordError(message, "use the lgbm-sm that wrote it") from error
            raise RecordError(f"{self.path} is damaged: {error}", self._remedy) from error
        return tuple(file.entries)

    @property
    def _remedy(self) -> str:
        return f"move the file away; `lgbm-sm cleanup` finds what lies in {self.work_path} without it"

    def training_jobs(self, project: str | None = None) -> tuple[TrainingJob, ...]:
        """The training jobs on record, oldest first; of one project, or of all."""
        jobs = (entry for entry in self.entries() if isinstance(entry, TrainingJob))
        return tuple(job for job in jobs if project in (None, job.project))

    def endpoints(self, project: str | None = None) -> tuple[Endpoint, ...]:
        """The endpoints on record, oldest first; of one project, or of all."""
        endpoints = (entry for entry in self.entries() if isinstance(entry, Endpoint))
        return tuple(endpoint for endpoint in endpoints if project in (None, endpoint.project))

    def images(self, project: str | None = None) -> tuple[Image, ...]:
        """The images on record, oldest first; of one project, or of all."""
        images = (entry for entry in self._recorded() if isinstance(entry, Image))
        return tuple(image for image in images if project in (None, image.project))

    def aws_entries(self) -> tuple[AwsEntry, ...]:
        """What is on record of AWS besides jobs and endpoints, each before what it is made of."""
        return in_order_of_deletion(self._recorded())

    def pushed_images(self) -> tuple[PushedImage, ...]:
        """The images on record in ECR, oldest first."""
        return tuple(entry for entry in self._recorded() if isinstance(entry, PushedImage))

    def endpoint_parts(self, endpoint: str) -> tuple[EndpointPart, ...]:
        """The configs on record of an endpoint, by its name, then the models in them."""
        parts = (entry for entry in self.aws_entries() if isinstance(entry, EndpointConfig | Model))
        return tuple(part for part in parts if part.endpoint == endpoint)

    def add(self, entry: RecordedEntry) -> None:
        """Put `entry` on record, before the thing that it names is made."""
        self._change(lambda entries: [*_without(entries, entry), entry])

    def update(self, entry: RecordedEntry) -> bool:
        """Replace the entry of that kind and name; False where another command has removed it meanwhile."""
        found = False

        def replace(entries: list[RecordedEntry]) -> list[RecordedEntry]:
            nonlocal found
            found = any(_same(entry, other) for other in entries)
            return [entry if _same(entry, other) else other for other in entries]

        self._change(replace)
        return found

    def remove(self, entry: RecordedEntry) -> None:
        """Take `entry` off the record, after the thing that it names is gone; harmless when it was off already."""
        self._change(lambda entries: _without(entries, entry))

    def discard_unfinished_write(self) -> None:
        """Remove what a command that was killed while it wrote has left; the record itself is whole without it."""
        if self.work_path.exists():
            with self._locked():
                self._temporary_path.unlink(missing_ok=True)

    @property
    def _temporary_path(self) -> Path:
        # one fixed name: the lock keeps others away
        return self.path.with_suffix(".json.tmp")

    def _change(self, change: Callable[[list[RecordedEntry]], list[RecordedEntry]]) -> None:
        with self._locked():
            before = list(self._recorded())
            after = change(before)
            if after != before:
                self._write(after)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.work_path.mkdir(parents=True, exist_ok=True)
        with (self.work_path / "record.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, entries: list[RecordedEntry]) -> None:
        # paths are written as text
        content = msgspec.json.encode(_RecordFile(entries=entries), enc_hook=str)
        with self._temporary_path.open("wb") as file:
            file.write(msgspec.json.format(content, indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._temporary_path.replace(self.path)


class RehearsedRecord(Record):
    """What the record would become: nothing is written."""

    def __init__(self, work_path: Path) -> None:
        super().__init__(work_path)
        self._entries = list(super()._recorded())

    def _recorded(self) -> tuple[RecordedEntry, ...]:
        return tuple(self._entries)

    def _change(self, change: Callable[[list[RecordedEntry]], list[RecordedEntry]]) -> None:
        self._entries = change(self._entries)

    def discard_unfinished_write(self) -> None:
        """Nothing is removed either."""


def unrecorded_entry(record: Record, folder: Path, place: Place) -> Entry:
    """An entry for something found without one, by the folder that it lies in or was started on."""
    created_at = datetime.fromtimestamp(folder.stat().st_mtime, UTC) if folder.exists() else datetime.now(UTC)
    found: dict[str, Any] = {"name": folder.name, "project": UNKNOWN_PROJECT, "place": place, "created_at": created_at}
    if folder.parent == record.endpoints_path:
        return Endpoint(**found, folder=folder, training_job="")
    return TrainingJob(**found, folder=folder)


def _same(one: RecordedEntry, other: RecordedEntry) -> bool:
    return (one.kind, one.name) == (other.kind, other.name)


def _without(entries: list[RecordedEntry], entry: RecordedEntry) -> list[RecordedEntry]:
    return [other for other in entries if not _same(entry, other)]


def _format_version(text: str) -> int | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    version = content.get("format_version") if isinstance(content, dict) else None
    return version if isinstance(version, int) else None
