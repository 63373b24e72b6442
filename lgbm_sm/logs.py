"""`logs`: what a training or serving program wrote."""

import time
from collections.abc import Iterator

from lgbm_sm.backends import Backend
from lgbm_sm.backends.sagemaker.backend import SageMakerBackend
from lgbm_sm.errors import EndpointError, TrainingError
from lgbm_sm.record.entries import Entry
from lgbm_sm.record.record import Record

_PAUSE_SECONDS = 0.2
_CLOUDWATCH_PAUSE_SECONDS = 2.0


def find_logged_entry(record: Record, project: str, *, training: bool) -> Entry:
    """The project's newest endpoint, or training job, whose log is read.

    Raises:
        EndpointError, TrainingError: there is none.
    """
    jobs = record.training_jobs(project)
    entries: tuple[Entry, ...] = jobs if training else record.endpoints(project)
    if entries:
        return entries[-1]
    if training:
        raise TrainingError(f"project {project} has no training job on record", "run `lgbm-sm train` first")
    hint = "`lgbm-sm logs --training` shows the last job's; `lgbm-sm deploy` brings an endpoint up"
    raise EndpointError(
        f"project {project} has no endpoint on record",
        hint if jobs else "run `lgbm-sm train`, then `lgbm-sm deploy`",
    )


def read_log(entry: Entry, backend: Backend, *, follow: bool) -> Iterator[bytes]:
    """The log as it is; with `follow`, also what is added until the program ends."""
    if isinstance(backend, SageMakerBackend):
        yield from _read_cloudwatch(entry, backend, follow=follow)
        return
    length = 0
    while True:
        running = follow and backend.is_running(entry)
        log = backend.read_log(entry)
        yield log[length:]
        length = len(log)
        if not running:
            return
        time.sleep(_PAUSE_SECONDS)


def _read_cloudwatch(entry: Entry, backend: SageMakerBackend, *, follow: bool) -> Iterator[bytes]:
    log = backend.log(entry)
    while True:
        running = follow and backend.is_running(entry)
        yield "".join(f"{line}\n" for line in log.new_lines()).encode()
        if not running:
            return
        time.sleep(_CLOUDWATCH_PAUSE_SECONDS)
