"""What was made, where and when: the file by which later commands find it again.

An entry is written before the thing that it names is made and removed after the thing is gone, so that
whatever a killed command leaves behind is on record. Each write replaces the whole file atomically, under
a lock that commands running side by side share.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lgbm_sm.errors import RecordError

FORMAT_VERSION: Literal[1] = 1
UNKNOWN_PROJECT = "(not on record)"


class Place(StrEnum):
    """Where a thing was made."""

    PROCESS = "process"
    DOCKER = "docker"
    AWS = "aws"


class TrainingJobStatus(StrEnum):
    """SageMaker's words for the state of a training job."""

    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"


class EndpointStatus(StrEnum):
    """SageMaker's words for the state of an endpoint."""

    CREATING = "Creating"
    UPDATING = "Updating"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    project: str
    place: Place
    created_at: datetime


class _PlacedEntry(_Entry):
    """What runs somewhere. `folder` lies on this machine; `account` and `region` are AWS's, where it runs there."""

    folder: Path
    image: str = ""
    account: str = ""
    region: str = ""


class TrainingJob(_PlacedEntry):
    """A training job. `folder` holds its log and, once it is Completed, `output/model.tar.gz`.

    On SageMaker its outputs are below `output_uri` too.
    """

    kind: Literal["training_job"] = "training_job"
    status: TrainingJobStatus = TrainingJobStatus.IN_PROGRESS
    failure_reason: str = ""
    output_uri: str = ""

    @property
    def root_path(self) -> Path:
        """What the program sees as /opt/ml; gone once the job has ended."""
        return self.folder / "ml"

    @property
    def log_path(self) -> Path:
        return self.folder / "training.log"

    @property
    def model_artifact_path(self) -> Path:
        return self.folder / "output" / "model.tar.gz"


class Endpoint(_PlacedEntry):
    """An endpoint: a server that answers `GET {url}/ping` and `POST {url}/invocations`, here; on SageMaker by its name.

    `folder` holds what it serves: of an endpoint that was updated, the last deployment's.
    """

    kind: Literal["endpoint"] = "endpoint"
    status: EndpointStatus = EndpointStatus.CREATING
    url: str = ""  # known once the server has a port
    training_job: str

    @property
    def root_path(self) -> Path:
        """What the program sees as /opt/ml."""
        return self.folder / "ml"

    @property
    def log_path(self) -> Path:
        return self.folder / "server.log"


class Image(_Entry):
    """An image that was built here; its `name` is its tag. `image_id` is known once the build has succeeded."""

    kind: Literal["image"] = "image"
    pattern: str
    image_id: str = ""


class _AwsEntry(_Entry):
    account: str
    region: str


class Upload(_AwsEntry):
    """What the project has put under a prefix of a bucket; its `name` is that address."""

    kind: Literal["upload"] = "upload"
    bucket: str
    prefix: str


class _EndpointPart(_AwsEntry):
    endpoint: str


class EndpointConfig(_EndpointPart):
    """SageMaker's record of the instances that an endpoint has, and of the model on them."""

    kind: Literal["endpoint_config"] = "endpoint_config"


class Model(_EndpointPart):
    """SageMaker's record of an artifact, and of the image that serves it."""

    kind: Literal["model"] = "model"


class ContainerLog(_AwsEntry):
    """A log in CloudWatch: a group, or the streams in it that begin with `prefix`. Found by name, never recorded."""

    kind: Literal["log"] = "log"
    group: str
    prefix: str = ""


class _EcrEntry(_AwsEntry):
    repository: str


class Repository(_EcrEntry):
    """A repository of ECR's that was made here; its `name` is `<account>/<region>/<repository>`."""

    kind: Literal["repository"] = "repository"


class PushedImage(_EcrEntry):
    """An image in ECR; its `name` is its address with the tag. `digests` are known once it has arrived."""

    kind: Literal["pushed_image"] = "pushed_image"
    digests: tuple[str, ...] = ()


Entry = TrainingJob | Endpoint
"""What runs, here or on SageMaker."""
EndpointPart = EndpointConfig | Model
AwsEntry = EndpointConfig | Model | ContainerLog | Upload | PushedImage | Repository
RecordedEntry = TrainingJob | Endpoint | Image | AwsEntry

_IN_ORDER_OF_DELETION = (EndpointConfig, Model, ContainerLog, Upload, PushedImage, Repository)


def in_order_of_deletion(entries: Iterable[RecordedEntry]) -> tuple[AwsEntry, ...]:
    """What is AWS's besides jobs and endpoints, each before what it is made of."""
    known = [entry for entry in entries if isinstance(entry, _IN_ORDER_OF_DELETION)]
    return tuple(sorted(known, key=lambda entry: _IN_ORDER_OF_DELETION.index(type(entry))))


class _RecordFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format_version: Literal[1] = FORMAT_VERSION
    entries: list[Annotated[RecordedEntry, Field(discriminator="kind")]] = []


_RECORD_FILE = TypeAdapter(_RecordFile)


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
            return tuple(_RECORD_FILE.validate_json(text).entries)
        except ValidationError as error:
            version = _format_version(text)
            if version is not None and version != FORMAT_VERSION:
                message = (
                    f"{self.path} has format version {version}, but this lgbm-sm reads version {FORMAT_VERSION} only"
                )
                raise RecordError(message, "use the lgbm-sm that wrote it") from error
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise RecordError(f"{self.path} is damaged: {place}: {first['msg']}", self._remedy) from error

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
        with self._temporary_path.open("w", encoding="utf-8") as file:
            json.dump(_RecordFile(entries=entries).model_dump(mode="json"), file, indent=2)
            file.write("\n")
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
    found = _Entry(name=folder.name, project=UNKNOWN_PROJECT, place=place, created_at=created_at).model_dump()
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
