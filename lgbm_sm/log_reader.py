"""`logs`: what a training or serving program wrote."""

import time
from collections.abc import Iterator

from lgbm_sm.backends import process
from lgbm_sm.errors import EndpointError, TrainingError
from lgbm_sm.record import Entry, Record

_PAUSE_SECONDS = 0.2


def find_logged_entry(record: Record, project: str, *, training: bool) -> Entry:
    """The project's newest endpoint, or training job, that has a log.

    Raises:
        EndpointError, TrainingError: there is none.
    """
    entries: tuple[Entry, ...] = record.training_jobs(project) if training else record.endpoints(project)
    for entry in reversed(entries):
        if entry.log_path.exists():
            return entry
    if training:
        raise TrainingError(f"project {project} has no training job with a log", "run `lgbm-sm train` first")
    raise EndpointError(
        f"project {project} has no endpoint with a log", "run `lgbm-sm deploy` first; --training shows the last job's"
    )


def read_log(entry: Entry, *, follow: bool) -> Iterator[bytes]:
    """The log as it is; with `follow`, also what is added until the program ends."""
    with entry.log_path.open("rb") as log:
        while True:
            running = follow and process.is_running(entry)
            yield log.read()
            if not running:
                return
            time.sleep(_PAUSE_SECONDS)
