"""`deploy` on this machine: an endpoint for a trained model."""

import http.client
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from lgbm_sm.backends import Backend, LocalBackend, Server, opt_ml
from lgbm_sm.backends.deletion import delete
from lgbm_sm.errors import EndpointError, LgbmSmError, TimedOutError
from lgbm_sm.model.archive import ArchiveError
from lgbm_sm.model.artifact import ManifestError, read_artifact
from lgbm_sm.model.code import ModelCode
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Endpoint, EndpointStatus, Place
from lgbm_sm.record.record import Record
from lgbm_sm.record.work_folder import storage_errors

_LAST_LINES = 10
_PING_SECONDS = 2.0  # the platform waits 2 s for an answer to /ping
# A server that fails instead of being late, as AWS's XGBoost image does where the model cannot be loaded: the platform
# would go on asking for minutes, and then say only that the pings failed.
_MOST_FAILURES = 3
_LONGEST_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class ServingPlan:
    """Where on this machine a model is served, and with which code beside it."""

    backend: LocalBackend
    because: str
    code: ModelCode


def deploy(
    endpoint: Endpoint,
    artifact_path: Path,
    plan: ServingPlan,
    *,
    record: Record,
    backends: Mapping[Place, Backend],
    reporter: Reporter,
    timeout_seconds: float,
    replace: bool = True,
) -> Endpoint:
    """Bring up an endpoint for a model artifact as `plan` says, and wait until it answers.

    With `replace` the project's older endpoints on this machine are deleted once the new one is in service.

    Raises:
        EndpointError: the server ended before it answered /ping, or the artifact is damaged.
        TimedOutError: it did not answer in time.
        KeyboardInterrupt: passed on. In each case the new endpoint is deleted and the older ones stay.
    """
    backend = plan.backend
    reporter.step(f"Endpoint {endpoint.name}: {backend.describe()}, model of {endpoint.training_job}")
    reporter.detail(plan.because)
    record.add(endpoint)
    started_at = time.monotonic()
    try:
        remark = unpack(endpoint.root_path, artifact_path, plan.code, endpoint.training_job)
        if remark:
            reporter.detail(remark)
        server = backend.start_serving(endpoint, plan.code.environment)
        reporter.trace(f"{server.url}, log: {endpoint.log_path}")
        wait_until_ready(endpoint, server, backend, timeout_seconds)
    except (LgbmSmError, KeyboardInterrupt):
        delete(endpoint, record, backend)
        raise
    in_service = structs.replace(endpoint, status=EndpointStatus.IN_SERVICE, url=server.url)
    if not record.update(in_service):
        delete(endpoint, record, backend)
        raise EndpointError(f"endpoint {endpoint.name} was deleted by another command while it came up", "deploy again")
    reporter.detail(f"in service at {server.url} after {time.monotonic() - started_at:.1f} s")
    for older in record.endpoints(endpoint.project):
        if replace and older.place is not Place.AWS and older.created_at < endpoint.created_at:
            reporter.detail(f"replaces {older.name}, which is deleted")
            delete(older, record, backends[older.place])
    return in_service


def unpack(root_path: Path, artifact_path: Path, code: ModelCode, source: str = "") -> str:
    """Lay out what a server finds: the artifact, and the pattern's code in it. Returns what could not be checked.

    An error names the `source` if that is an address in S3, else the path.

    Raises:
        EndpointError: the artifact is damaged, or its files are not those that its manifest names.
    """
    with _artifact_errors(artifact_path, source), storage_errors(root_path):
        return opt_ml.lay_out_serving(root_path, artifact_path, code.files, unchecked=code.is_unchecked).remark


def check_artifact(artifact_path: Path, code: ModelCode, source: str) -> None:
    """Refuse what `unpack` would refuse, without writing it anywhere.

    Raises:
        EndpointError: as `unpack`.
    """
    with _artifact_errors(artifact_path, source):
        read_artifact(artifact_path, unchecked=code.is_unchecked)


@contextmanager
def _artifact_errors(artifact_path: Path, source: str) -> Iterator[None]:
    """Whatever is wrong with an artifact, or keeps it from being unpacked, becomes an EndpointError."""
    shown = source if source.startswith("s3://") else artifact_path
    try:
        yield
    except ManifestError as error:
        hint = f"run `lgbm-sm train` again, or serve it as it is: `lgbm-sm deploy --model {shown} --unchecked`"
        raise EndpointError(f"{shown} {error}", hint) from error
    except ArchiveError as error:
        raise EndpointError(f"{shown} {error}", "run `lgbm-sm train` again, or pass another --model") from error
    except OSError as error:
        where = error.filename or artifact_path
        raise EndpointError(f"{shown} cannot be unpacked: {where}: {error.strerror or error}") from error


def wait_until_ready(endpoint: Endpoint, server: Server, backend: Backend, timeout_seconds: float) -> None:
    """Until a ping is answered with 200 within the platform's 2 s.

    A ping that is not answered in time is followed by one that is waited for twice as long. AWS's XGBoost images up to
    1.7-1 begin with pip and the loading anew at each ping that comes before they are through with the first: on a busy
    machine, a ping every 2 s makes more and more of them, and none ends.

    Raises:
        EndpointError: the server ended, or fails each ping.
        TimedOutError: no such answer came in time.
    """
    deadline = time.monotonic() + timeout_seconds
    pause_seconds = 0.02
    patience_seconds = _PING_SECONDS
    failures = 0
    while (asked_at := time.monotonic()) < deadline:
        status = _ping(server.url, min(patience_seconds, deadline - asked_at))
        is_late = time.monotonic() - asked_at > _PING_SECONDS
        patience_seconds = 2 * patience_seconds if is_late and status is None else _PING_SECONDS
        failures = failures + 1 if status == http.client.INTERNAL_SERVER_ERROR else 0
        # asked after the ping: what answered was the server, and no other program that has its port by now
        ending = server.ending()
        if ending is not None:
            remark = f" ({ending.remark})" if ending.remark else ""
            raise EndpointError(
                f"the server of endpoint {endpoint.name} ended with exit code {ending.exit_code}{remark}; "
                f"its log ends:{last_log_lines(endpoint, backend)}",
                "mend what the log names, then run `lgbm-sm deploy` again",
            )
        if status == http.client.OK and not is_late:
            return
        if failures == _MOST_FAILURES:
            raise EndpointError(
                f"the server of endpoint {endpoint.name} answers /ping with {status}, time after time; "
                f"its log ends:{last_log_lines(endpoint, backend)}",
                "mend what the log names, then run `lgbm-sm deploy` again",
            )
        time.sleep(pause_seconds)
        pause_seconds = min(1.5 * pause_seconds, _LONGEST_PAUSE_SECONDS)
    raise TimedOutError(
        f"endpoint {endpoint.name} answered no /ping with 200 within the platform's 2 s, in {timeout_seconds:g} s; "
        f"its log ends:{last_log_lines(endpoint, backend)}",
        "mend what the log names, or raise endpoint.startup_timeout_seconds",
    )


def _ping(url: str, seconds: float) -> int | None:
    """The status of `GET /ping`; None where none comes in so many seconds."""
    if not url:  # a server that ended before it had a port
        return None
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=seconds)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def last_log_lines(endpoint: Endpoint, backend: Backend) -> str:
    """The end of the server's log, each line on one of its own, after the error that it names."""
    lines = backend.read_log(endpoint).decode("utf-8", errors="replace").splitlines()
    causes = [line for line in lines[:-_LAST_LINES] if line.startswith("error: ")]
    return "".join(f"\n  {line}" for line in [*causes[-1:], *lines[-_LAST_LINES:]])
