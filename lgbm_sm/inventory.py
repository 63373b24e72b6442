"""Everything of ours that is there: what is on record, and what a lost record would have named."""

from collections.abc import Mapping
from dataclasses import dataclass

from lgbm_sm.backends import Backend
from lgbm_sm.record import (
    UNKNOWN_PROJECT,
    Endpoint,
    EndpointStatus,
    Entry,
    Place,
    Record,
    TrainingJob,
    TrainingJobStatus,
)

Backends = Mapping[Place, Backend]


@dataclass(frozen=True)
class Item:
    """A job or an endpoint. `state` is what is seen now, which a killed or crashed program may have changed."""

    entry: Entry
    state: str
    remark: str
    running: bool


def list_items(record: Record, backends: Backends) -> list[Item]:
    """Everything on record, oldest first, then what is there without an entry."""
    unrecorded = [entry for backend in backends.values() for entry in backend.find_unrecorded(record)]
    return [
        _look_at(entry, running=backends[entry.place].is_running(entry)) for entry in (*record.entries(), *unrecorded)
    ]


def _look_at(entry: Entry, *, running: bool) -> Item:
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
