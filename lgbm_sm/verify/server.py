"""A server in a container: its start, its open ports and its answers to pings."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lgbm_sm import contract
from lgbm_sm.invocation.single_requests import Client, Reply
from lgbm_sm.verify.containers import PAUSES, Started, Volume
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox

_LOOK_SECONDS = 1.0  # how often the open ports of the container are checked
_LOOKS = 2  # this many checks in a row must find the server only on the loopback interface
PATIENCE = 5  # wait this many times SageMaker's limit for a ping, to measure a late answer
_LOOPBACK_V6 = "00000000000000000000000001000000"
_DOCKERS_RESOLVER = "0B00007F"  # 127.0.0.11, in every container of a user-defined network
_MAPPED_V4 = "0000000000000000FFFF0000"
_LATER = 2
_LISTENING = "0A"
_ALL_INTERFACES = "all interfaces"


@dataclass(frozen=True)
class ServingConditions:
    """Conditions of SageMaker for a server: a read-only model folder, and no network."""

    read_only: bool = True
    isolated: bool = True


@dataclass
class Startup:
    """The start of a server.

    `ping` is the last answer to a ping. `exit_code` is set if the server ended. `listens` maps open ports to their
    interfaces. It is empty if the image has no program to show them. `said` is the end of the log.
    """

    ping: Reply | None = None
    seconds: float = 0.0
    exit_code: int | None = None
    listens: Mapping[int, str] = field(default_factory=dict)
    said: str = ""

    @property
    def is_ready(self) -> bool:
        return self.ping is not None and self.ping.status == 200 and self.exit_code is None

    @property
    def is_on_loopback_only(self) -> bool:
        return self.listens.get(contract.SERVING_PORT) == "127.0.0.1"

    @property
    def is_elsewhere(self) -> bool:
        """Whether the server runs, but does not listen on the port and interface that SageMaker uses."""
        return self.exit_code is None and not self.is_reached and bool(self.listens)

    @property
    def is_reached(self) -> bool:
        """Whether the server answered a ping, with any status."""
        return self.ping is not None and self.ping.status is not None

    def __str__(self) -> str:
        if self.exit_code is not None:
            return f"ended with exit code {self.exit_code}{self.said}"
        if not self.is_reached:
            return f"nothing answered on port {contract.SERVING_PORT} within {self.seconds:.0f} s{self.said}"
        return f"the last ping within {self.seconds:.0f} s: {self.ping}{self.said}"


@dataclass
class CheckedServer:
    """A started container with a server, and a client for its address."""

    sandbox: Sandbox
    started: Started
    client: Client | None

    def exit_code(self) -> int | None:
        return self.started.exit_code()

    def ask(self, method: str, path: str, body: bytes | None, content_type: str, *, seconds: float) -> Reply:
        """Return the answer, or a Reply with the reason why there is no answer."""
        if self.client is None:
            return Reply(None, failure="the container has ended")
        return self.client.ask(method, path, body, content_type, seconds=seconds)

    def ping(self, seconds: float) -> Reply:
        return self.ask("GET", contract.PING_PATH, None, "", seconds=seconds)

    def wait_until_ready(self, limits: Limits) -> Startup:
        """Wait until /ping answers 200.

        Stop waiting if the container ends, or if the server listens only on the loopback interface.
        """
        startup = Startup()
        looked_at = looks_on_loopback = 0
        for _ in PAUSES.rounds(self.started.started_at + limits.startup - time.monotonic()):
            startup.exit_code = 127 if self.started.refusal else self.exit_code()
            if startup.exit_code is not None:
                break
            startup.ping = self.ping(PATIENCE * limits.ping)
            startup.seconds = time.monotonic() - self.started.started_at
            if startup.is_ready:
                break
            if startup.seconds // _LOOK_SECONDS > looked_at and not startup.is_reached:
                looked_at = int(startup.seconds // _LOOK_SECONDS)
                startup.listens = self._listening()
                looks_on_loopback += startup.is_on_loopback_only
                if looks_on_loopback == _LOOKS:
                    break
        startup.said = "" if startup.is_ready else self.started.last_words()
        return startup

    def watch_pings(self, seconds: float, limits: Limits) -> Reply:
        """Ping the server for `seconds`. Return the first answer with status 200, or else the last answer.

        Stop if the container ends. If there is no answer at all, wait twice as long, because the server may be slow.
        """
        reply = Reply(None)
        for _ in PAUSES.rounds(_LATER * seconds):
            reply = self.ping(limits.ping)
            watched = time.monotonic() - self.started.started_at
            is_over = watched > (seconds if reply.status is not None else _LATER * seconds)
            if reply.status == 200 or is_over or self.exit_code() is not None:
                break
        return reply

    def start_again(self, limits: Limits) -> Startup:
        """Start the same container again. It still has the files that it has written."""
        self.started.start_again()
        address = self.started.address()
        self.client = Client(*address) if address else None
        return self.wait_until_ready(limits)

    def _listening(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for line in self.started.run("cat", "/proc/net/tcp", "/proc/net/tcp6").decode().splitlines():
            fields = line.split()
            if len(fields) < 4 or fields[3] != _LISTENING:
                continue
            address, _, port = fields[1].partition(":")
            if address == _DOCKERS_RESOLVER:
                continue
            number = int(port, 16)
            if _is_loopback(address):
                found.setdefault(number, "127.0.0.1")
            else:
                found[number] = _ALL_INTERFACES
        return found


def start_server(
    sandbox: Sandbox, model_path: Path, environment: Mapping[str, str], conditions: ServingConditions
) -> CheckedServer:
    """Start a server with the content of a model archive."""
    model = Volume(contract.MODEL_PATH, model_path, conditions.read_only)
    started = sandbox.create(
        [contract.SERVE_COMMAND],
        [model],
        environment=environment,
        **sandbox.serving_options(network=not conditions.isolated),
    )
    sandbox.start(started)
    address = None if started.refusal else started.address()
    return CheckedServer(sandbox, started, Client(*address) if address else None)


def _is_loopback(address: str) -> bool:
    """Return whether an address in /proc/net/tcp is a loopback address.

    The address is hexadecimal. Each word has the byte order of the machine.
    """
    return address == _LOOPBACK_V6 or (address.endswith("7F") and address[:-8] in ("", _MAPPED_V4))
