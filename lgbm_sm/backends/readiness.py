"""Wait until a server on this machine answers /ping as SageMaker requires."""

import time
from http import HTTPStatus

from lgbm_sm import contract
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.backends import Backend, StartedServer
from lgbm_sm.backends.logs import last_log_lines
from lgbm_sm.errors import EndpointError, TimedOutError
from lgbm_sm.invocation.single_requests import Client
from lgbm_sm.record.entries import Endpoint

# After this many answers with status 500, stop waiting. AWS's XGBoost image answers so if it cannot load the model.
# SageMaker would repeat the ping for minutes, and then report only that the pings failed.
_MOST_FAILURES = 3
_PAUSES = Patience(first_seconds=0.02, longest_seconds=0.25, growth=1.5)
_FIX = "fix the error shown in the log, then run `lgbm-sm deploy` again"


def wait_until_ready(endpoint: Endpoint, server: StartedServer, backend: Backend, timeout_seconds: float) -> None:
    """Wait until the server answers a ping with status 200 within 2 s, SageMaker's limit.

    After a late answer, wait twice as long for the answer to the next ping. The reason is AWS's XGBoost images up to
    1.7-1: until they have answered the first ping, each further ping runs pip and loads the model again. On a busy
    machine, a ping every 2 s would start more and more of these loads, and none would end.

    Raises:
        EndpointError: the server ended, or answered several pings in a row with status 500.
        TimedOutError: the server did not answer in time.
    """
    seconds = contract.PING_SECONDS
    failures = 0
    for waited_seconds in _PAUSES.rounds(timeout_seconds):
        if waited_seconds >= timeout_seconds:
            break
        asked_at = time.monotonic()
        status = _ping(server.url, min(seconds, timeout_seconds - waited_seconds))
        is_late = time.monotonic() - asked_at > contract.PING_SECONDS
        seconds = 2 * seconds if is_late and status is None else contract.PING_SECONDS
        failures = failures + 1 if status == HTTPStatus.INTERNAL_SERVER_ERROR else 0
        # check this after the ping: if the server had ended, another program could have answered on its port
        ending = server.ending()
        if ending is not None:
            remark = f" ({ending.remark})" if ending.remark else ""
            raise EndpointError(
                f"the server of endpoint {endpoint.name} ended with exit code {ending.exit_code}{remark}; "
                f"its log ends:{last_log_lines(endpoint, backend)}",
                _FIX,
            )
        if status == HTTPStatus.OK and not is_late:
            return
        if failures == _MOST_FAILURES:
            raise EndpointError(
                f"the server of endpoint {endpoint.name} answered {failures} pings in a row with {status}; "
                f"its log ends:{last_log_lines(endpoint, backend)}",
                _FIX,
            )
    raise TimedOutError(
        f"endpoint {endpoint.name} was not ready after {timeout_seconds:g} s: no /ping returned 200 within "
        f"{contract.PING_SECONDS:g} s, the platform's limit; its log ends:{last_log_lines(endpoint, backend)}",
        "fix the error shown in the log, or raise endpoint.startup_timeout_seconds",
    )


def _ping(url: str, seconds: float) -> int | None:
    """Return the status of `GET /ping`, or None if no answer comes in time."""
    host, _, port = url.removeprefix("http://").partition(":")
    if not port:  # the server ended before it had a port
        return None
    return Client(host, int(port)).ping(seconds).status
