"""What can be on record: jobs, endpoints, images, and what is in S3 and ECR."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

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
    DELETING = "Deleting"


class EndpointStatus(StrEnum):
    """SageMaker's words for the state of an endpoint."""

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
    adopted: bool = False  # found in the account or the engine: another work folder made it

    @property
    def kind(self) -> str:
        """What it is, in the word that the record has for it."""
        return str(self.__struct_config__.tag)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where it costs nothing."""
        return self.place is not Place.AWS


class _PlacedEntry(_Entry, frozen=True, kw_only=True):
    """What runs somewhere. `folder` lies on this machine; `account` and `region` are AWS's, where it runs there."""

    folder: Path
    image: str = ""
    account: str = ""
    region: str = ""


class TrainingJob(_PlacedEntry, frozen=True, kw_only=True, tag="training_job"):
    """A training job. `folder` holds its log and, once it is Completed, `output/model.tar.gz`.

    On SageMaker its outputs are below `output_uri` too. `model_sha256` is that of model.tar.gz as it arrived there.
    """

    status: TrainingJobStatus = TrainingJobStatus.IN_PROGRESS
    failure_reason: str = ""
    output_uri: str = ""
    model_sha256: str = ""

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


class Endpoint(_PlacedEntry, frozen=True, kw_only=True, tag="endpoint"):
    """An endpoint: a server that answers `GET {url}/ping` and `POST {url}/invocations`, here; on SageMaker by its name.

    `folder` holds what it serves: of an endpoint that was updated, the last deployment's. `deployed_at` is when that
    began, by AWS's clock; None on this machine, and of endpoints that earlier versions made.
    """

    status: EndpointStatus = EndpointStatus.CREATING
    url: str = ""  # known once the server has a port
    training_job: str
    deployed_at: datetime | None = None

    @property
    def root_path(self) -> Path:
        """What the program sees as /opt/ml."""
        return self.folder / "ml"

    @property
    def log_path(self) -> Path:
        return self.folder / "server.log"


class Image(_Entry, frozen=True, kw_only=True, tag="image"):
    """An image that was built here; its `name` is its tag. `image_id` is known once the build has succeeded."""

    place: Place = Place.DOCKER
    pattern: str
    image_id: str = ""


class _AwsEntry(_Entry, frozen=True, kw_only=True):
    place: Place = Place.AWS
    account: str
    region: str


class Upload(_AwsEntry, frozen=True, kw_only=True, tag="upload"):
    """What the project has put under a prefix of a bucket; its `name` is the address of the project's part."""

    bucket: str
    prefix: str

    def names_same(self, other: "Upload") -> bool:
        """Whether both are about the same objects."""
        return (self.bucket, self.prefix, self.project) == (other.bucket, other.prefix, other.project)


class _EndpointPart(_AwsEntry, frozen=True, kw_only=True):
    endpoint: str


class EndpointConfig(_EndpointPart, frozen=True, kw_only=True, tag="endpoint_config"):
    """SageMaker's record of the instances that an endpoint has, and of the model on them."""


class Model(_EndpointPart, frozen=True, kw_only=True, tag="model"):
    """SageMaker's record of an artifact, and of the image that serves it."""


class ContainerLog(_AwsEntry, frozen=True, kw_only=True, tag="log"):
    """A log in CloudWatch: a group, or the streams in it that begin with `prefix`. Found by name, never recorded."""

    group: str
    prefix: str = ""


class _EcrEntry(_AwsEntry, frozen=True, kw_only=True):
    repository: str


class Repository(_EcrEntry, frozen=True, kw_only=True, tag="repository"):
    """A repository of ECR's that was made here; its `name` is `<account>/<region>/<repository>`."""


class PushedImage(_EcrEntry, frozen=True, kw_only=True, tag="pushed_image"):
    """An image in ECR; its `name` is its address with the tag. `digests` are known once it has arrived."""

    digests: tuple[str, ...] = ()


Entry = TrainingJob | Endpoint
"""What runs, here or on SageMaker."""
EndpointPart = EndpointConfig | Model
AwsEntry = EndpointConfig | Model | ContainerLog | Upload | PushedImage | Repository
RecordedEntry = TrainingJob | Endpoint | Image | AwsEntry


class AccountLocation(Protocol):
    """An AWS account and a region in it."""

    @property
    def account_id(self) -> str: ...
    @property
    def region(self) -> str: ...


def aws_fields(account: AccountLocation, project: str, created_at: datetime) -> dict[str, Any]:
    """Return the fields that the entry of anything in an AWS account has."""
    return {
        "project": project,
        "place": Place.AWS,
        "created_at": created_at,
        "account": account.account_id,
        "region": account.region,
    }


_IN_ORDER_OF_DELETION = (EndpointConfig, Model, ContainerLog, Upload, PushedImage, Repository)


def in_order_of_deletion(entries: Iterable[RecordedEntry]) -> tuple[AwsEntry, ...]:
    """What is AWS's besides jobs and endpoints, each before what it is made of."""
    known = [entry for entry in entries if isinstance(entry, _IN_ORDER_OF_DELETION)]
    return tuple(sorted(known, key=lambda entry: _IN_ORDER_OF_DELETION.index(type(entry))))
