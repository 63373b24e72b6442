"""`deploy`: an endpoint for a trained model."""

import http.client
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lgbm_sm.backends import Backend, Server, opt_ml
from lgbm_sm.backends.choice import Choice
from lgbm_sm.backends.deletion import delete
from lgbm_sm.config import Config
from lgbm_sm.errors import EndpointError, LgbmSmError, TimedOutError
from lgbm_sm.model_code import ModelCode
from lgbm_sm.names import timestamped_name
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Endpoint, EndpointStatus, Place, Record, TrainingJob

_LAST_LINES = 10
_PING_SECONDS = 2.0  # the platform waits 2 s for an answer to /ping
# A server that fails instead of being late, as AWS's XGBoost image does where the model cannot be loaded: the platform
# would go on asking for minutes, and then say only that the pings failed.
_MOST_FAILURES = 3
_LONGEST_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class ServingPlan:
    """Where a model is served, and with which code beside it."""

    choice: Choice
    code: ModelCode


def deploy(
    config: Config,
    job: TrainingJob,
    *,
    record: Record,
    backends: Mapping[Place, Backend],
    plan: ServingPlan,
    reporter: Reporter,
    now: datetime,
    replace: bool = True,
) -> Endpoint:
    """Bring up an endpoint for the job's model as `plan` says, and wait until it answers.

    With `replace` the project's older endpoints, wherever they run, are deleted once the new one is in service.

    Raises:
        EndpointError: the server ended before it answered /ping, or the artifact is damaged.
        TimedOutError: it did not answer within `endpoint.startup_timeout_seconds`.
        KeyboardInterrupt: passed on. In each case the new endpoint is deleted and the older ones stay.
    """
    name = timestamped_name(config.project.name, now)
    backend = backends[plan.choice.place]
    endpoint = Endpoint(
        name=name,
        project=config.project.name,
        place=plan.choice.place,
        created_at=now,
        folder=record.endpoints_path / name,
        training_job=job.name,
        image=backend.image,
    )
    reporter.step(f"Endpoint {name}: {backend.describe()}, model of {job.name}")
    reporter.detail(plan.choice.because)
    record.add(endpoint)
    started_at = time.monotonic()
    try:
        _unpack(endpoint, job, plan.code)
        server = backend.start_serving(endpoint, plan.code.environment)
        reporter.trace(f"{server.url}, log: {endpoint.log_path}")
        _wait_until_ready(endpoint, server, backend, config.endpoint.startup_timeout_seconds)
    except (LgbmSmError, KeyboardInterrupt):
        delete(endpoint, record, backend)
        raise
    in_service = endpoint.model_copy(update={"status": EndpointStatus.IN_SERVICE, "url": server.url})
    if not record.update(in_service):
        delete(endpoint, record, backend)
        raise EndpointError(f"endpoint {name} was deleted by another command while it came up", "deploy again")
    reporter.detail(f"in service at {server.url} after {time.monotonic() - started_at:.1f} s")
    for older in record.endpoints(config.project.name):
        if replace and older.created_at < endpoint.created_at:
            reporter.detail(f"replaces {older.name}, which is deleted")
            delete(older, record, backends[older.place])
    return in_service


def _unpack(endpoint: Endpoint, job: TrainingJob, code: ModelCode) -> None:
    try:
        opt_ml.lay_out_serving(endpoint.root_path, job.model_artifact_path, code.files)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise EndpointError(
            f"{job.model_artifact_path} cannot be unpacked: {error}", "run `lgbm-sm train` again"
        ) from error


def _wait_until_ready(endpoint: Endpoint, server: Server, backend: Backend, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    pause_seconds = 0.02
    failures = 0
    while time.monotonic() < deadline:
        status = _ping(server.url)
        failures = failures + 1 if status == http.client.INTERNAL_SERVER_ERROR else 0
        # asked after the ping: what answered was the server, and no other program that has its port by now
        ending = server.ending()
        if ending is not None:
            remark = f" ({ending.remark})" if ending.remark else ""
            raise EndpointError(
                f"the server of endpoint {endpoint.name} ended with exit code {ending.exit_code}{remark}; "
                f"its log ends:{_last_log_lines(endpoint, backend)}",
                "mend what the log names, then run `lgbm-sm deploy` again",
            )
        if status == http.client.OK:
            return
        if failures == _MOST_FAILURES:
            raise EndpointError(
                f"the server of endpoint {endpoint.name} answers /ping with {status}, time after time; "
                f"its log ends:{_last_log_lines(endpoint, backend)}",
                "mend what the log names, then run `lgbm-sm deploy` again",
            )
        time.sleep(pause_seconds)
        pause_seconds = min(1.5 * pause_seconds, _LONGEST_PAUSE_SECONDS)
    raise TimedOutError(
        f"endpoint {endpoint.name} did not answer /ping within {timeout_seconds:g} s; "
        f"its log ends:{_last_log_lines(endpoint, backend)}",
        "mend what the log names, or raise endpoint.startup_timeout_seconds",
    )


def _ping(url: str) -> int | None:
    """The status of `GET /ping`; None where none comes within the platform's 2 s."""
    if not url:  # a server that ended before it had a port
        return None
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=_PING_SECONDS)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _last_log_lines(endpoint: Endpoint, backend: Backend) -> str:
    lines = backend.read_log(endpoint).decode("utf-8", errors="replace").splitlines()
    causes = [line for line in lines[:-_LAST_LINES] if line.startswith("error: ")]
    return "".join(f"\n  {line}" for line in [*causes[-1:], *lines[-_LAST_LINES:]])


def get_endpoint(record: Record, project: str, backends: Mapping[Place, Backend]) -> Endpoint:
    """The project's endpoint that is in service.

    Raises:
        EndpointError: there is none, or its server has ended.
    """
    in_service = [endpoint for endpoint in record.endpoints(project) if endpoint.status is EndpointStatus.IN_SERVICE]
    if not in_service:
        raise EndpointError(f"project {project} has no endpoint in service", "run `lgbm-sm deploy` first")
    endpoint = in_service[-1]
    backend = backends[endpoint.place]
    if not backend.is_running(endpoint):
        raise EndpointError(
            f"the server of endpoint {endpoint.name} has ended; its log ends:{_last_log_lines(endpoint, backend)}",
            "run `lgbm-sm deploy` to replace it",
        )
    return endpoint
