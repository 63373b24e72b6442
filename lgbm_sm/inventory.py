"""Everything of ours that is there: what is on record, and what a lost record would have named."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lgbm_sm.aws.account import Accounts
from lgbm_sm.backends import Backend
from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.errors import AwsError, EngineError
from lgbm_sm.record.entries import (
    UNKNOWN_PROJECT,
    AwsEntry,
    Endpoint,
    EndpointStatus,
    Entry,
    Image,
    Place,
    RecordedEntry,
    TrainingJob,
    TrainingJobStatus,
    in_order_of_deletion,
)
from lgbm_sm.record.record import Record

if TYPE_CHECKING:
    from lgbm_sm.backends.sagemaker.backend import SageMakerBackend

Backends = Mapping[Place, Backend]


@dataclass(frozen=True)
class Holdings:
    """Where what is ours may be. With `finds_images` also images in the engine that are not on record."""

    record: Record
    backends: Backends
    engine: Engine
    accounts: Accounts
    project: str
    finds_images: bool


class Item(NamedTuple):
    """One thing of ours. `state` is what is seen now, which a killed or crashed program may have changed.

    `running` is None where that cannot be known.
    """

    entry: RecordedEntry
    state: str
    remark: str
    running: bool | None


class Inventory(NamedTuple):
    """What is there, and why anything else might be: each of `problems` hides something."""

    items: tuple[Item, ...]
    problems: tuple[AwsError, ...]

    @property
    def is_unreachable(self) -> bool:
        """Whether AWS was asked and nothing is known from it: what is shown of it is what the record says."""
        from_aws = [item for item in self.items if item.entry.place is Place.AWS and not isinstance(item.entry, Image)]
        return bool(self.problems) and all(item.state == "Unknown" or _is_from_record(item) for item in from_aws)


def take_inventory(holdings: Holdings) -> Inventory:
    """Jobs and endpoints on record, oldest first, then those without an entry, then images, and what AWS holds else.

    AWS is called only where something of AWS's is on record, or an instance type is SageMaker's.
    """
    record, backends = holdings.record, holdings.backends
    found: dict[tuple[str, str], RecordedEntry] = {}
    problems = []
    for backend in backends.values():
        try:
            unrecorded = backend.find_unrecorded(record)
        except EngineError:  # what is on record there says so
            continue
        except AwsError as error:
            problems.append(AwsError(f"what AWS holds without a record is not known: {error.message}", error.hint))
            continue
        for entry in unrecorded:
            # a container's folder is found as a folder too, and a job's of SageMaker's: only its place can end it
            if _key(entry) not in found or entry.place is not Place.PROCESS:
                found[_key(entry)] = entry
    running = [entry for entry in found.values() if isinstance(entry, TrainingJob | Endpoint)]
    items = [
        *(_look_at(entry, backends[entry.place]) for entry in (*record.entries(), *running)),
        *(_look_at_image(image, holdings.engine) for image in (*record.images(), *_unrecorded_images(holdings))),
        *(
            _look_into_aws(entry, holdings.accounts)
            for entry in in_order_of_deletion((*record.aws_entries(), *found.values()))
        ),
    ]
    return Inventory(tuple(_with_origin(item) for item in items), tuple(problems))


def _unrecorded_images(holdings: Holdings) -> list[Image]:
    from lgbm_sm.backends.docker.images import find_unrecorded

    if holdings.finds_images:
        with suppress(EngineError):  # what is on record there shows it
            return find_unrecorded(holdings.project, holdings.record, holdings.engine)
    return []


def _with_origin(item: Item) -> Item:
    if not item.entry.adopted:
        return item
    return item._replace(remark="; ".join(filter(None, (item.remark, "not created by this folder"))))


def _key(entry: RecordedEntry) -> tuple[str, str]:
    return entry.kind, entry.name


def _look_at(entry: Entry, backend: Backend) -> Item:
    try:
        if entry.place is Place.AWS:
            from lgbm_sm.backends.sagemaker.backend import SageMakerBackend

            if isinstance(backend, SageMakerBackend):
                return _look_at_sagemaker(entry, backend)
        running = backend.is_running(entry)
    except (EngineError, AwsError) as error:
        if isinstance(entry, TrainingJob) and entry.status is TrainingJobStatus.COMPLETED:
            return _look_at_job(entry, running=False)
        return Item(entry, "Unknown", error.message, running=None)
    return _seen(entry, running=running)


def _is_from_record(item: Item) -> bool:
    """Whether it is a job that has ended and was not found otherwise; see `_look_at`."""
    return isinstance(item.entry, TrainingJob) and item.remark == str(item.entry.model_artifact_path)


def _look_at_sagemaker(entry: Entry, backend: "SageMakerBackend") -> Item:
    where = f"account {entry.account}, {entry.region}"
    if isinstance(entry, Endpoint):
        endpoint = backend.resources(entry).find_endpoint(entry.name)
        if endpoint is None:
            return Item(entry, "Gone", where, running=False)
        variants = endpoint.get("ProductionVariants", ())
        count = sum(variant.get("CurrentInstanceCount", 0) for variant in variants)
        said = f"{count} instance{'' if count == 1 else 's'}, {where}" if variants else where
        return Item(entry, str(endpoint["EndpointStatus"]), said, running=True)
    job = backend.resources(entry).find_job(entry.name)
    if job is None:
        return Item(entry, "Gone", where, running=False)
    status = str(job["TrainingJobStatus"])
    said = str(job.get("FailureReason") or job["SecondaryStatus"]).splitlines()[0]
    return Item(entry, status, f"{said}, {where}", running=status in ("InProgress", "Stopping"))


def _look_at_image(image: Image, engine: Engine) -> Item:
    from lgbm_sm.backends.docker.images import find_image

    try:
        found = find_image(image, engine)
    except EngineError as error:
        return Item(image, "Unknown", error.message, running=False)
    if found:
        return Item(image, "Available", image.pattern, running=False)
    return Item(image, "Gone" if image.image_id else "Unfinished", "the engine does not hold it", running=False)


def _look_into_aws(entry: AwsEntry, accounts: Accounts) -> Item:
    from lgbm_sm.aws.entries import find_in_aws

    try:
        found = find_in_aws(entry, accounts)
    except AwsError as error:
        return Item(entry, "Unknown", error.message, running=False)
    return Item(entry, "Available" if found else "Gone", f"account {entry.account}, {entry.region}", running=False)


def _seen(entry: Entry, *, running: bool) -> Item:
    if entry.project == UNKNOWN_PROJECT:
        return Item(entry, "Running" if running else "Ended", "without an entry in the record", running)
    if isinstance(entry, Endpoint):
        return _look_at_endpoint(entry, running=running)
    return _look_at_job(entry, running=running)


def _look_at_endpoint(endpoint: Endpoint, *, running: bool) -> Item:
    if endpoint.status is EndpointStatus.IN_SERVICE and not running:
        return Item(endpoint, EndpointStatus.FAILED, "its server has ended; `lgbm-sm deploy` replaces it", running)
    if endpoint.status is EndpointStatus.CREATING and not running:
        return Item(endpoint, EndpointStatus.FAILED, "the command that created it has ended", running)
    return Item(endpoint, endpoint.status, endpoint.url, running)


def _look_at_job(job: TrainingJob, *, running: bool) -> Item:
    if job.status is TrainingJobStatus.IN_PROGRESS and not running:
        return Item(job, TrainingJobStatus.FAILED, "the command that started it has ended", running)
    if job.status is TrainingJobStatus.COMPLETED:
        return Item(job, job.status, str(job.model_artifact_path), running)
    return Item(job, job.status, job.failure_reason, running)
