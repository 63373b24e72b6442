"""The record entries of jobs, endpoints and images, and the base class for AWS resources."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

UNKNOWN_PROJECT = "(not on record)"


class Place(StrEnum):
    """The backend that runs a job or endpoint, or contains another resource."""

    PROCESS = "process"
    DOCKER = "docker"
    AWS = "aws"


class TrainingJobStatus(StrEnum):
    """The states of a training job, with SageMaker's names."""

    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"
    DELETING = "Deleting"


class EndpointStatus(StrEnum):
    """The states of an endpoint, with SageMaker's names."""

    CREATING = "Creating"
    UPDATING = "Updating"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"


class _Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    name: str
    project: str
    place: Place
    created_at: datetime
    adopted: bool = False  # another work folder created the resource; it was found in the account or in Docker

    @property
    def kind(self) -> str:
        """The kind of resource, as written in the record."""
        return str(self.__struct_config__.tag)

    @property
    def is_local(self) -> bool:
        """Whether the resource is on this machine, which costs nothing."""
        return self.place is not Place.AWS


class _PlacedEntry(_Entry, frozen=True, kw_only=True):
    """A job or an endpoint.

    `folder` is on this machine. `account` and `region` are set only if SageMaker runs the job or endpoint.
    """

    folder: Path
    image: str = ""
    account: str = ""
    region: str = ""


class TrainingJob(_PlacedEntry, frozen=True, kw_only=True, tag="training_job"):
    """A training job.

    `folder` contains its log and, when the job is Completed, `output/model.tar.gz`. On SageMaker its outputs are also
    below `output_uri`. `model_sha256` is that of model.tar.gz when it was written. `metrics`, of the best iteration by
    split and name, and the data set are those of a Completed job's model; empty in records of earlier versions.
    """

    status: TrainingJobStatus = TrainingJobStatus.IN_PROGRESS
    failure_reason: str = ""
    output_uri: str = ""
    model_sha256: str = ""
    metrics: dict[str, dict[str, float | None]] = {}
    dataset: str = ""
    data_fingerprint: str = ""

    @property
    def root_path(self) -> Path:
        """The folder that the program uses as /opt/ml. It is removed after the job has ended."""
        return self.folder / "ml"

    @property
    def log_path(self) -> Path:
        return self.folder / "training.log"

    @property
    def model_artifact_path(self) -> Path:
        return self.folder / "output" / "model.tar.gz"


class Endpoint(_PlacedEntry, frozen=True, kw_only=True, tag="endpoint"):
    """An endpoint.

    An endpoint on this machine answers `GET {url}/ping` and `POST {url}/invocations`. `folder` contains the files of
    the last deployment. `deployed_at` is the start of this deployment by AWS's clock. It is None if the endpoint is on
    this machine, or if an older lgbm-sm created it.
    """

    status: EndpointStatus = EndpointStatus.CREATING
    url: str = ""  # set when the server has a port
    training_job: str
    deployed_at: datetime | None = None

    @property
    def root_path(self) -> Path:
        """The folder that the program uses as /opt/ml."""
        return self.folder / "ml"

    @property
    def log_path(self) -> Path:
        return self.folder / "server.log"


class Image(_Entry, frozen=True, kw_only=True, tag="image"):
    """An image on this machine. `name` is its tag. `image_id` is empty until the build has succeeded."""

    place: Place = Place.DOCKER
    pattern: str
    image_id: str = ""


class AwsEntry(_Entry, frozen=True, kw_only=True):
    """The base class for entries of AWS resources in `lgbm_sm.aws.resources`, except jobs and endpoints."""

    place: Place = Place.AWS
    account: str
    region: str


Entry = TrainingJob | Endpoint
"""The entry of a job or an endpoint, on this machine or on SageMaker."""
RecordedEntry = TrainingJob | Endpoint | Image | AwsEntry


class Observation(NamedTuple):
    """The current state of a resource. It may differ from the recorded state.

    `running` is None if it is unknown whether the resource runs.
    """

    state: str
    remark: str
    running: bool | None


class AccountLocation(Protocol):
    """An AWS account and a region."""

    @property
    def account_id(self) -> str: ...
    @property
    def region(self) -> str: ...


def aws_fields(account: AccountLocation, project: str, created_at: datetime) -> dict[str, Any]:
    """Return the fields that all entries of resources in an AWS account have."""
    return {
        "project": project,
        "place": Place.AWS,
        "created_at": created_at,
        "account": account.account_id,
        "region": account.region,
    }


def entry_types() -> tuple[type[_Entry], ...]:
    """Return all entry types that a record can contain. Some are defined in other modules."""
    return tuple(_leaves(_Entry))


def _leaves(entry_type: type[_Entry]) -> Iterator[type[_Entry]]:
    subclasses = entry_type.__subclasses__()
    if not subclasses:
        yield entry_type
    for subclass in subclasses:
        yield from _leaves(subclass)
