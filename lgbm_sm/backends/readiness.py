"""Wait until a server on this machine answers /ping as the platform requires."""

import time
from http import HTTPStatus

from lgbm_sm import contract
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.backends import Backend, StartedServer
from lgbm_sm.backends.logs import last_log_lines
from lgbm_sm.errors import EndpointError, TimedOutError
from lgbm_sm.invocation.single_requests import Client
from lgbm_sm.record.entries import Endpoint

# A server that fails instead of being late, as AWS's XGBoost image does if the model cannot be loaded: the platform
# would repeat the ping for minutes, and then report only that the pings failed.
_MOST_FAILURES = 3
_PAUSES = Patience(first_seconds=0.02, longest_seconds=0.25, growth=1.5)
_FIX = "fix the error shown in the log, then run `lgbm-sm deploy` again"


def wait_until_ready(endpoint: Endpoint, server: StartedServer, backend: Backend, timeout_seconds: float) -> None:
    """Wait until a ping is answered with 200 within the platform's 2 s.

    If a ping is not answered in time, the next one has twice the timeout. AWS's XGBoost images up to 1.7-1
    run pip and load the model once more at each ping that comes before the first has been answered. On a busy
    machine, a ping every 2 s would start more and more of these, and none would end.

    Raises:
        EndpointError: the server ended, or fails each ping.
        TimedOutError: no such answer came in time.
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
        # checked after the ping: the answer came from this server, and not from a later program on its port
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
    """The status of `GET /ping`; None if no answer comes in time."""
    host, _, port = url.removeprefix("http://").partition(":")
    if not port:  # a server that ended before it had a port
        return None
    return Client(host, int(port)).ping(seconds).status
