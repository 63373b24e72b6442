"""Checks of a server's start: its conditions, its address and its first ping."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lgbm_sm import contract
from lgbm_sm.invocation.single_requests import Reply
from lgbm_sm.verify.checks import DEVELOPER_GUIDE_HOSTING, DEVELOPER_GUIDE_ISOLATION, Check, Result, rule
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox
from lgbm_sm.verify.server import PATIENCE, CheckedServer, ServingConditions, Startup, start_server
from lgbm_sm.verify.subject import SampleRequest

_PORT = contract.SERVING_PORT

STARTS = rule(
    "serve-starts",
    "SageMaker runs `docker run IMAGE serve`, and the program must run until it is stopped.",
    "run the container with `serve` and read its log; if the image only trains, pass --only train",
    DEVELOPER_GUIDE_HOSTING,
)
READ_ONLY_MODEL = rule(
    "serve-read-only-model",
    "/opt/ml/model is read-only: a server that writes there (caches, compiled or unpacked files) fails to start.",
    "write to /tmp, and set PYTHONDONTWRITEBYTECODE=1",
    DEVELOPER_GUIDE_HOSTING,
)
NETWORK = rule(
    "serve-network",
    "With EnableNetworkIsolation, or in a VPC without internet access, a container has no network and no credentials.",
    "install everything when you build the image; pass --network if your endpoints are never isolated",
    DEVELOPER_GUIDE_ISOLATION,
)
PORT = rule(
    "serve-port",
    f"SageMaker sends requests only to port {_PORT}.",
    f"listen on port {_PORT}",
    DEVELOPER_GUIDE_HOSTING,
)
INTERFACES = rule(
    "serve-interfaces",
    "Requests come from outside the container, so a server on 127.0.0.1 does not receive them.",
    f"listen on 0.0.0.0:{_PORT}",
    DEVELOPER_GUIDE_HOSTING,
)
FIRST_PING = rule(
    "serve-first-ping",
    f"An endpoint fails if /ping does not answer 200 within {contract.STARTUP_SECONDS // 60} minutes of the start "
    '(or ContainerStartupHealthCheckTimeoutInSeconds); the error is "did not pass the ping health check".',
    "answer GET /ping with 200 and an empty body as soon as the model can predict",
    DEVELOPER_GUIDE_HOSTING,
)
PING_TIME = rule(
    "serve-ping-time",
    f"SageMaker waits {contract.PING_SECONDS:.0f} s for an answer to /ping.",
    "answer /ping from memory: do not predict, load files or call other services in it",
    DEVELOPER_GUIDE_HOSTING,
)

# in the order in which the checks are decided
CHECKS = (STARTS, READ_ONLY_MODEL, NETWORK, PORT, INTERFACES, FIRST_PING, PING_TIME)

# the check for each condition in server.ServingConditions
_CONDITIONS: Mapping[str, Check] = {"read_only": READ_ONLY_MODEL, "isolated": NETWORK}
_LENIENT = ServingConditions(read_only=False, isolated=False)
_SEEN = {"read_only": "serves from a read-only model", "isolated": "serves without a network"}
_RUNS = "keeps running"
_PINGS = 5


@dataclass
class Serving:
    """The inputs of an image's servers. `conditions` are those that the image has passed so far."""

    sandbox: Sandbox
    model_path: Path
    environment: Mapping[str, str]
    limits: Limits
    conditions: ServingConditions
    request: SampleRequest | None
    not_isolated: str = ""  # the reason why the server is not run without a network; empty if it is

    def start(self, conditions: ServingConditions | None = None, model_path: Path | None = None) -> CheckedServer:
        return start_server(
            self.sandbox, model_path or self.model_path, self.environment, conditions or self.conditions
        )

    def first_answer(self, server: CheckedServer, startup: Startup) -> Reply | None:
        """Return the answer to the sample request. Return None if there is no request, or the server is not ready."""
        if self.request is None or not startup.is_ready:
            return None
        body, content_type = self.request.body, self.request.content_type
        return server.ask("POST", contract.INVOCATIONS_PATH, body, content_type, seconds=self.limits.answer)


@dataclass(frozen=True)
class Ready:
    """A server that is ready, and its answer to the first request.

    The request was sent immediately after /ping first answered 200. `ping_seconds` is the time limit for later pings.
    """

    server: CheckedServer
    startup: Startup
    first: Reply | None
    ping_seconds: float


def check_startup(serving: Serving, server: CheckedServer) -> Generator[Result, None, Ready | None]:
    """Yield the results. Return a server that is ready, or None if no server becomes ready.

    `server` must be started with the conditions of `serving`. Change these conditions to those that the image passes.
    """
    startup = server.wait_until_ready(serving.limits)
    first = serving.first_answer(server, startup)
    if startup.is_ready:
        yield STARTS.passed(_RUNS)
        yield from _pass_conditions(serving)
    elif serving.conditions == _LENIENT or startup.is_elsewhere:
        yield from _explain(startup)
        return None
    else:
        found = yield from _find_cause(serving, server)
        if found is None:
            return None
        server, startup, first = found
    yield PORT.passed(f"answers on port {_PORT}")
    yield INTERFACES.passed("answers requests from outside the container")
    yield FIRST_PING.passed(f"200 after {startup.seconds:.1f} s")
    timely = _judge_ping_time(server, serving.limits)
    yield timely
    return Ready(server, startup, first, serving.limits.ping * (1 if timely.is_met else PATIENCE))


def _pass_conditions(serving: Serving) -> Iterator[Result]:
    for name, check in _CONDITIONS.items():
        tried = getattr(serving.conditions, name)
        yield check.passed(_SEEN[name]) if tried else check.skipped(serving.not_isolated)


def _find_cause(
    serving: Serving, server: CheckedServer
) -> Generator[Result, None, tuple[CheckedServer, Startup, Reply | None] | None]:
    """Find the condition that makes a server fail.

    First start a server without any condition, then with each condition alone.
    """
    server.started.remove()
    lenient = serving.start(_LENIENT)
    startup = lenient.wait_until_ready(serving.limits)
    first = serving.first_answer(lenient, startup)
    if not startup.is_ready:
        lenient.started.remove()
        yield from _explain(startup)
        return None
    yield STARTS.passed(_RUNS)
    passed = _LENIENT
    for name, check in _CONDITIONS.items():
        if not getattr(serving.conditions, name):
            yield check.skipped(serving.not_isolated)
            continue
        alone = serving.start(replace(_LENIENT, **{name: True}))
        result = alone.wait_until_ready(serving.limits)
        alone.started.remove()
        yield check.judged(_SEEN[name] if result.is_ready else str(result), is_met=result.is_ready)
        passed = replace(passed, **{name: True}) if result.is_ready else passed
    serving.conditions = passed
    return lenient, startup, first


def _explain(startup: Startup) -> Iterator[Result]:
    """Find the check that fails if a server never becomes ready. Skip the checks after it."""
    open_ports = ", ".join(f"{port} on {where}" for port, where in sorted(startup.listens.items()))
    if startup.exit_code is not None:
        broken = STARTS.broken(str(startup))
    elif startup.is_on_loopback_only:
        broken = INTERFACES.broken(f"listens on {open_ports}")
    elif not startup.is_reached:
        broken = PORT.broken(f"listens on {open_ports}" if open_ports else str(startup))
    else:
        broken = FIRST_PING.broken(str(startup))
    passed = {} if broken.check is STARTS else {STARTS: _RUNS}
    if broken.check is FIRST_PING:
        passed |= {PORT: f"answers on port {_PORT}", INTERFACES: "answers requests from outside the container"}
    for check in CHECKS:
        if check is broken.check:
            yield broken
        elif check in passed:
            yield check.passed(passed[check])
        else:
            yield check.skipped(f"the server never becomes ready: see {broken.check.name}")


def _judge_ping_time(server: CheckedServer, limits: Limits) -> Result:
    """Judge several pings of a ready server.

    Some pings may be late, because a worker process may still load its model.
    """
    pings = [server.ping(PATIENCE * limits.ping) for _ in range(_PINGS)]
    late = [ping for ping in pings if ping.status != 200 or ping.seconds > limits.ping]
    if not late:
        return PING_TIME.passed(f"at most {max(ping.seconds for ping in pings):.3f} s")
    first = f"{late[0].status or late[0]} after {late[0].seconds:.1f} s"
    seen = f"{len(late)} of {_PINGS} pings of the ready server were late: {first}"
    return PING_TIME.broken(seen) if len(late) > _PINGS // 2 else PING_TIME.warned(seen)
