"""`deploy`: an endpoint for a trained model."""

import tarfile
import time
from datetime import datetime
from subprocess import Popen

from lgbm_sm.backends import opt_ml, process
from lgbm_sm.backends.process import ProcessBackend
from lgbm_sm.config import Config
from lgbm_sm.errors import EndpointError, TimedOutError
from lgbm_sm.names import timestamped_name
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Endpoint, EndpointStatus, Place, Record, TrainingJob

_LAST_LINES = 10


def deploy(
    config: Config,
    job: TrainingJob,
    *,
    record: Record,
    backend: ProcessBackend,
    reporter: Reporter,
    now: datetime,
    replace: bool = True,
) -> Endpoint:
    """Bring up an endpoint for the job's model and wait until it answers.

    With `replace` the project's older endpoints are deleted once the new one is in service.

    Raises:
        EndpointError: the server ended before it answered /ping, or the artifact is damaged.
        TimedOutError: it did not answer within `endpoint.startup_timeout_seconds`.
        KeyboardInterrupt: passed on. In each of these cases the new endpoint is deleted and the older ones stay.
    """
    name = timestamped_name(config.project.name, now)
    listener = process.listen()
    endpoint = Endpoint(
        name=name,
        project=config.project.name,
        place=Place.PROCESS,
        created_at=now,
        folder=record.endpoints_path / name,
        url=process.url_of(listener),
        training_job=job.name,
    )
    reporter.step(f"Endpoint {name}: a process on this machine, model of {job.name}")
    record.add(endpoint)
    started_at = time.monotonic()
    try:
        _unpack(endpoint, job)
        with listener:
            program = backend.start_serving(endpoint.root_path, endpoint.log_path, listener)
        reporter.trace(f"process {program.pid}, log {endpoint.log_path}")
        _wait_until_ready(endpoint, program, config.endpoint.startup_timeout_seconds)
    except (EndpointError, TimedOutError, KeyboardInterrupt):
        process.delete(endpoint, record)
        raise
    in_service = endpoint.model_copy(update={"status": EndpointStatus.IN_SERVICE})
    if not record.update(in_service):
        process.delete(endpoint, record)
        raise EndpointError(f"endpoint {name} was deleted by another command while it came up", "deploy again")
    reporter.detail(f"in service at {endpoint.url} after {time.monotonic() - started_at:.1f} s")
    for older in record.endpoints(config.project.name):
        if replace and older.created_at < endpoint.created_at:
            reporter.detail(f"replaces {older.name}, which is deleted")
            process.delete(older, record)
    return in_service


def _unpack(endpoint: Endpoint, job: TrainingJob) -> None:
    try:
        opt_ml.lay_out_serving(endpoint.root_path, job.model_artifact_path)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise EndpointError(
            f"{job.model_artifact_path} cannot be unpacked: {error}", "run `lgbm-sm train` again"
        ) from error


def _wait_until_ready(endpoint: Endpoint, program: "Popen[bytes]", timeout_seconds: float) -> None:
    ready = process.wait_until_ready(program, endpoint.url, timeout_seconds)
    if ready:
        return
    log = "".join(f"\n  {line}" for line in last_log_lines(endpoint))
    if ready is None:
        raise TimedOutError(
            f"endpoint {endpoint.name} did not answer /ping within {timeout_seconds:g} s; its log ends:{log}",
            "mend what the log names, or raise endpoint.startup_timeout_seconds",
        )
    raise EndpointError(
        f"the server of endpoint {endpoint.name} ended with exit code {program.wait()}; its log ends:{log}",
        "mend what the log names, then run `lgbm-sm deploy` again",
    )


def last_log_lines(endpoint: Endpoint) -> list[str]:
    """The last lines of the server's log; none where it has written none yet."""
    try:
        return endpoint.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    except FileNotFoundError:
        return []


def get_endpoint(record: Record, project: str) -> Endpoint:
    """The project's endpoint that is in service.

    Raises:
        EndpointError: there is none, or its server has ended.
    """
    in_service = [e for e in record.endpoints(project) if e.status is EndpointStatus.IN_SERVICE]
    if not in_service:
        raise EndpointError(f"project {project} has no endpoint in service", "run `lgbm-sm deploy` first")
    endpoint = in_service[-1]
    if not process.is_running(endpoint):
        log = "".join(f"\n  {line}" for line in last_log_lines(endpoint))
        raise EndpointError(
            f"the server of endpoint {endpoint.name} has ended; its log ends:{log}",
            "run `lgbm-sm deploy` to replace it",
        )
    return endpoint
