"""The current state of a job or an endpoint."""

from lgbm_sm.record.entries import (
    UNKNOWN_PROJECT,
    Endpoint,
    EndpointStatus,
    Entry,
    Observation,
    TrainingJob,
    TrainingJobStatus,
)


def observe_local(entry: Entry, *, running: bool) -> Observation:
    """Return the state of a local job or endpoint. `running` is true if its program runs."""
    if entry.project == UNKNOWN_PROJECT:
        return Observation("Running" if running else "Ended", "without an entry in the record", running)
    if isinstance(entry, Endpoint):
        return _observe_endpoint(entry, running=running)
    return _observe_job(entry, running=running)


def _observe_endpoint(endpoint: Endpoint, *, running: bool) -> Observation:
    if endpoint.status is EndpointStatus.IN_SERVICE and not running:
        return Observation(EndpointStatus.FAILED, "its server has ended; `lgbm-sm deploy` replaces it", running)
    if endpoint.status is EndpointStatus.CREATING and not running:
        return Observation(EndpointStatus.FAILED, "the command that created it has ended", running)
    return Observation(endpoint.status, endpoint.url, running)


def _observe_job(job: TrainingJob, *, running: bool) -> Observation:
    if job.status is TrainingJobStatus.IN_PROGRESS and not running:
        return Observation(TrainingJobStatus.FAILED, "the command that started it has ended", running)
    if job.status is TrainingJobStatus.COMPLETED:
        return Observation(job.status, str(job.model_artifact_path), running)
    return Observation(job.status, job.failure_reason, running)
