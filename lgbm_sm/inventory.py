"""Everything of ours that is there: what is on record, and what a lost record would have named."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lgbm_sm.aws import Accounts
from lgbm_sm.aws_entries import find_in_aws
from lgbm_sm.backends import Backend
from lgbm_sm.backends.docker_engine import Engine
from lgbm_sm.backends.docker_images import find_image
from lgbm_sm.errors import AwsError, EngineError
from lgbm_sm.record import (
    UNKNOWN_PROJECT,
    AwsEntry,
    Endpoint,
    EndpointStatus,
    Entry,
    Image,
    Place,
    Record,
    RecordedEntry,
    TrainingJob,
    TrainingJobStatus,
)

Backends = Mapping[Place, Backend]


@dataclass(frozen=True)
class Holdings:
    """Where what is ours may be."""

    record: Record
    backends: Backends
    engine: Engine
    accounts: Accounts


@dataclass(frozen=True)
class Item:
    """One thing of ours. `state` is what is seen now, which a killed or crashed program may have changed.

    `running` is None where that cannot be known.
    """

    entry: RecordedEntry
    state: str
    remark: str
    running: bool | None


def list_items(holdings: Holdings) -> list[Item]:
    """Jobs and endpoints on record, oldest first, then those without an entry, then images, and what is in S3 and ECR.

    AWS is called only where something of AWS's is on record.
    """
    record, backends = holdings.record, holdings.backends
    unrecorded: dict[Path, Entry] = {}
    for backend in backends.values():
        with suppress(EngineError):  # what is on record there says so
            for entry in backend.find_unrecorded(record):
                # a container's folder is found as a folder too; only the engine can end the container
                if entry.folder not in unrecorded or entry.place is Place.DOCKER:
                    unrecorded[entry.folder] = entry
    entries = (*record.entries(), *unrecorded.values())
    return [
        *(_look_at(entry, backends[entry.place]) for entry in entries),
        *(_look_at_image(image, holdings.engine) for image in record.images()),
        *(_look_into_aws(entry, holdings.accounts) for entry in record.aws_entries()),
    ]


def _look_at(entry: Entry, backend: Backend) -> Item:
    try:
        running = backend.is_running(entry)
    except EngineError as error:
        if isinstance(entry, TrainingJob) and entry.status is TrainingJobStatus.COMPLETED:
            return _look_at_job(entry, running=False)
        return Item(entry, "Unknown", error.message, running=None)
    return _seen(entry, running=running)


def _look_at_image(image: Image, engine: Engine) -> Item:
    try:
        found = find_image(image, engine)
    except EngineError as error:
        return Item(image, "Unknown", error.message, running=False)
    if found:
        return Item(image, "Available", image.pattern, running=False)
    return Item(image, "Gone" if image.image_id else "Unfinished", "the engine does not hold it", running=False)


def _look_into_aws(entry: AwsEntry, accounts: Accounts) -> Item:
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
