"""A server in a container: how it comes up, where it listens, and whether it is still there."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lgbm_sm.backends.docker.files import OPT_ML
from lgbm_sm.invocation.single_requests import Client, Reply
from lgbm_sm.verify.containers import Started, Volume
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox

_PAUSE_SECONDS = 0.05
_LOOK_SECONDS = 1.0  # between looks at what the container listens on
INVOCATIONS_PATH = "/invocations"
PATIENCE = 5  # times the platform's 2 s are waited for a ping, to learn how late it is
_LOOPBACK_V6 = "00000000000000000000000001000000"
_ENGINES_RESOLVER = "0B00007F"  # 127.0.0.11, in every container of a network that a user has made
_MAPPED_V4 = "0000000000000000FFFF0000"
_LATER = 2
_LISTENING = "0A"
_PORT = 8080
_ALL_INTERFACES = "all interfaces"


@dataclass(frozen=True)
class ServingConditions:
    """What the platform may do to a server."""

    read_only: bool = True
    isolated: bool = True


@dataclass
class Startup:
    """How a server came up: `ping` is the last answer, a 200 where `is_ready`; `exit_code` where it ended instead.

    `listens` has ports with the interfaces that they are open on, where that could be learnt.
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
        return self.listens.get(_PORT) == "127.0.0.1"

    @property
    def is_elsewhere(self) -> bool:
        """Whether it has come up, but where the platform does not ask."""
        return self.exit_code is None and not self.is_reached and bool(self.listens)

    @property
    def is_reached(self) -> bool:
        """Whether anything has answered."""
        return self.ping is not None and self.ping.status is not None

    def __str__(self) -> str:
        if self.exit_code is not None:
            return f"it ended with exit code {self.exit_code}{self.said}"
        if not self.is_reached:
            return f"nothing answered on port {_PORT} within {self.seconds:.0f} s{self.said}"
        return f"the last of the pings within {self.seconds:.0f} s: {self.ping}{self.said}"


@dataclass
class Server:
    """One container, and how it is asked."""

    sandbox: Sandbox
    started: Started
    client: Client | None

    def exit_code(self) -> int | None:
        return self.started.exit_code()

    def ask(self, method: str, path: str, body: bytes | None, content_type: str, *, seconds: float) -> Reply:
        """The answer; where the container has no address any more, why there is none."""
        if self.client is None:
            return Reply(None, trouble="the container has ended")
        return self.client.ask(method, path, body, content_type, seconds=seconds)

    def ping(self, seconds: float) -> Reply:
        return self.ask("GET", "/ping", None, "", seconds=seconds)

    def wait_until_ready(self, limits: Limits) -> Startup:
        """Until /ping answers 200, the container ends, it listens where nobody comes, or the time is over."""
        startup = Startup()
        looked_at = looks_on_loopback = 0
        deadline = self.started.started_at + limits.startup
        while not startup.is_ready and looks_on_loopback < 2:
            startup.exit_code = 127 if self.started.refusal else self.exit_code()
            if startup.exit_code is not None:
                break
            startup.ping = self.ping(PATIENCE * limits.ping)
            startup.seconds = time.monotonic() - self.started.started_at
            if startup.seconds // _LOOK_SECONDS > looked_at and not startup.is_reached:
                looked_at = int(startup.seconds // _LOOK_SECONDS)
                startup.listens = self._listening()
                looks_on_loopback += startup.is_on_loopback_only
            if time.monotonic() > deadline:
                break
            if not startup.is_ready:
                time.sleep(_PAUSE_SECONDS)
        startup.said = "" if startup.is_ready else self.started.last_words()
        return startup

    def watch_pings(self, seconds: float, limits: Limits) -> Reply:
        """The first 200 within so many seconds of the start, else the last answer; ends with the container.

        Where nothing at all answers, longer is waited: it may only be late.
        """
        while True:
            reply = self.ping(limits.ping)
            watched = time.monotonic() - self.started.started_at
            is_over = watched > (seconds if reply.status is not None else _LATER * seconds)
            if reply.status == 200 or is_over or self.exit_code() is not None:
                return reply
            time.sleep(_PAUSE_SECONDS)

    def start_again(self, limits: Limits) -> Startup:
        """The same container, with the files that it has written."""
        self.started.start_again()
        address = self.started.address()
        self.client = Client(*address) if address else None
        return self.wait_until_ready(limits)

    def memory_bytes(self) -> int:
        """What the container's processes hold, without the cache of files; 0 where the engine does not say."""
        stats = self.started.container.stats(stream=False)
        usage = (isinstance(stats, dict) and stats.get("memory_stats")) or {}
        details = usage.get("stats") or {}
        cache = details.get("total_inactive_file", details.get("inactive_file", 0))
        return max(0, int(usage.get("usage", 0)) - int(cache))

    def _listening(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for line in self.started.run("cat", "/proc/net/tcp", "/proc/net/tcp6").decode().splitlines():
            fields = line.split()
            if len(fields) < 4 or fields[3] != _LISTENING:
                continue
            address, _, port = fields[1].partition(":")
            if address == _ENGINES_RESOLVER:
                continue
            number = int(port, 16)
            if _is_loopback(address):
                found.setdefault(number, "127.0.0.1")
            else:
                found[number] = _ALL_INTERFACES
        return found


def start_server(
    sandbox: Sandbox, model_path: Path, environment: Mapping[str, str], conditions: ServingConditions
) -> Server:
    """Start `serve` on the content of a model archive."""
    model = Volume(f"{OPT_ML}/model", model_path, conditions.read_only)
    started = sandbox.create(
        ["serve"], [model], environment=environment, **sandbox.serving_options(network=not conditions.isolated)
    )
    sandbox.start(started)
    address = None if started.refusal else started.address()
    return Server(sandbox, started, Client(*address) if address else None)


def _is_loopback(address: str) -> bool:
    """Of an address as /proc/net/tcp has it: hexadecimal, the bytes of each word in the machine's order."""
    return address == _LOOPBACK_V6 or (address.endswith("7F") and address[:-8] in ("", _MAPPED_V4))
