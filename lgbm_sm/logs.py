"""Find the job or the endpoint whose log `lgbm-sm logs` shows."""

from lgbm_sm.errors import EndpointError, TrainingError
from lgbm_sm.record.entries import Entry
from lgbm_sm.record.record import Record


def find_logged_entry(record: Record, project: str, *, training: bool) -> Entry:
    """Return the project's newest endpoint, or its newest training job.

    Raises:
        EndpointError: the project has no endpoint.
        TrainingError: the project has no training job.
    """
    jobs = record.training_jobs(project)
    entries: tuple[Entry, ...] = jobs if training else record.endpoints(project)
    if entries:
        return entries[-1]
    if training:
        raise TrainingError(f"project {project} has no training job on record", "run `lgbm-sm train` first")
    hint = "`lgbm-sm logs --training` shows the log of the last job; `lgbm-sm deploy` creates an endpoint"
    raise EndpointError(
        f"project {project} has no endpoint on record",
        hint if jobs else "run `lgbm-sm train`, then `lgbm-sm deploy`",
    )
