"""How a server comes up: under which conditions, where it listens, and when it first answers a ping."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lgbm_sm.invocation.single_requests import Reply
from lgbm_sm.verify.checks import Check, Result
from lgbm_sm.verify.checks.serving import (
    FIRST_PING,
    INTERFACES,
    NETWORK,
    PING_TIME,
    PORT,
    READ_ONLY_MODEL,
    STARTS,
)
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox
from lgbm_sm.verify.server import INVOCATIONS_PATH, PATIENCE, Server, ServingConditions, Startup, start_server
from lgbm_sm.verify.subject import SampleRequest

_Up = tuple[Server, Startup, Reply | None]
_LENIENT = ServingConditions(read_only=False, isolated=False)
_CONDITIONS: Mapping[str, Check] = {"read_only": READ_ONLY_MODEL, "isolated": NETWORK}
_SEEN = {"read_only": "it serves from a read-only model", "isolated": "it serves without a network"}
_PINGS = 5


@dataclass
class Serving:
    """What is served, under the conditions that the image stands."""

    sandbox: Sandbox
    model_path: Path
    environment: Mapping[str, str]
    limits: Limits
    conditions: ServingConditions
    request: SampleRequest | None
    not_isolated: str = ""  # why isolation is not tried; empty where it is

    def start(self, conditions: ServingConditions | None = None, model_path: Path | None = None) -> Server:
        return start_server(
            self.sandbox, model_path or self.model_path, self.environment, conditions or self.conditions
        )

    def first_answer(self, server: Server, startup: Startup) -> Reply | None:
        """None where there is nothing to ask, or nobody to be asked."""
        if self.request is None or not startup.is_ready:
            return None
        body, content_type = self.request.body, self.request.content_type
        return server.ask("POST", INVOCATIONS_PATH, body, content_type, seconds=self.limits.answer)


@dataclass(frozen=True)
class Ready:
    """A server that is ready, how it came up, and what the first request gave, sent right after the first 200.

    `ping_seconds` are what its pings may take.
    """

    server: Server
    startup: Startup
    first: Reply | None
    ping_seconds: float


def check_startup(serving: Serving, server: Server) -> Generator[Result, None, Ready | None]:
    """Returns a server that is ready; None where there is none.

    `server` has been started under the conditions of `serving`, which are changed to those that it stands.
    """
    startup = server.wait_until_ready(serving.limits)
    first = serving.first_answer(server, startup)
    if startup.is_ready:
        yield STARTS.passed("it goes on")
        yield from _pass_conditions(serving)
    elif serving.conditions == _LENIENT or startup.is_elsewhere:
        yield from _explain(startup)
        return None
    else:
        found = yield from _find_cause(serving, server)
        if found is None:
            return None
        server, startup, first = found
    yield PORT.passed("something answers on port 8080")
    yield INTERFACES.passed("from outside of the container")
    yield FIRST_PING.passed(f"200 after {startup.seconds:.1f} s")
    timely = _check_ping_time(server, serving.limits)
    yield timely
    return Ready(server, startup, first, serving.limits.ping * (1 if timely.is_met else PATIENCE))


def _pass_conditions(serving: Serving) -> Iterator[Result]:
    for name, check in _CONDITIONS.items():
        tried = getattr(serving.conditions, name)
        yield check.passed(_SEEN[name]) if tried else check.skipped(serving.not_isolated)


def _find_cause(serving: Serving, server: Server) -> Generator[Result, None, _Up | None]:
    """What it does without each of the conditions."""
    server.started.remove()
    lenient = serving.start(_LENIENT)
    startup = lenient.wait_until_ready(serving.limits)
    first = serving.first_answer(lenient, startup)
    if not startup.is_ready:
        lenient.started.remove()
        yield from _explain(startup)
        return None
    yield STARTS.passed("it goes on")
    stands = _LENIENT
    for name, check in _CONDITIONS.items():
        if not getattr(serving.conditions, name):
            yield check.skipped(serving.not_isolated)
            continue
        alone = serving.start(replace(_LENIENT, **{name: True}))
        result = alone.wait_until_ready(serving.limits)
        alone.started.remove()
        yield check.judged(_SEEN[name] if result.is_ready else str(result), is_met=result.is_ready)
        stands = replace(stands, **{name: True}) if result.is_ready else stands
    serving.conditions = stands
    return lenient, startup, first


def _explain(startup: Startup) -> Iterator[Result]:
    """Which of the checks a server has failed that is never ready; the others cannot be judged."""
    open_ports = ", ".join(f"{port} on {where}" for port, where in sorted(startup.listens.items()))
    if startup.exit_code is not None:
        broken = STARTS.broken(str(startup))
    elif startup.is_on_loopback_only:
        broken = INTERFACES.broken(f"it listens on {open_ports}")
    elif not startup.is_reached:
        broken = PORT.broken(f"it listens on {open_ports}" if open_ports else str(startup))
    else:
        broken = FIRST_PING.broken(str(startup))
    before = {FIRST_PING: "something answers", INTERFACES: "it goes on", PORT: "it goes on", STARTS: ""}[broken.check]
    for check in (STARTS, READ_ONLY_MODEL, NETWORK, PORT, INTERFACES, FIRST_PING, PING_TIME):
        if check is broken.check:
            yield broken
        elif before and (check is STARTS or (broken.check is FIRST_PING and check in (PORT, INTERFACES))):
            yield check.passed(before)
        else:
            yield check.skipped(f"the server is never ready: see {broken.check.name}")


def _check_ping_time(server: Server, limits: Limits) -> Result:
    """Of pings once it is ready: what comes before is asked again. A worker may have its model to load, once."""
    pings = [server.ping(PATIENCE * limits.ping) for _ in range(_PINGS)]
    late = [ping for ping in pings if ping.status != 200 or ping.seconds > limits.ping]
    if not late:
        return PING_TIME.passed(f"{max(ping.seconds for ping in pings):.3f} s at most")
    seen = f"{len(late)} of {_PINGS} pings once it was ready: {late[0].status or late[0]} after {late[0].seconds:.1f} s"
    return PING_TIME.broken(seen) if len(late) > _PINGS // 2 else PING_TIME.warned(seen)
