"""What the Docker backend would have an engine do: the same code starts the same container, and nothing is started."""

import csv
import io
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.errors import EngineError

_ASSUMED_PLATFORM = "linux/amd64"
# what makes lgbm-sm find a container again is nothing that a program in it sees
_LEFT_OUT = {"name", "labels", "log_config"}


@dataclass(frozen=True)
class NotedContainer:
    """A container as it would be created; `options` as docker-py names them."""

    image: str
    command: tuple[str, ...]
    options: Mapping[str, Any]
    attrs: Mapping[str, Any] = field(default_factory=lambda: {"NetworkSettings": {"Ports": {}, "Networks": {}}})

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that it is given."""
        found: Mapping[str, str] = self.options["environment"]
        return found

    def start(self) -> None:
        """Nothing is started."""

    def reload(self) -> None:
        """Nothing has changed."""


@dataclass
class _NotedContainers:
    created: list[NotedContainer] = field(default_factory=list)

    def create(self, image: str, command: list[str], **options: Any) -> NotedContainer:
        self.created.append(NotedContainer(image, tuple(command), options))
        return self.created[-1]


@dataclass
class _NotedNetworks:
    created: list[str] = field(default_factory=list)

    def create(self, name: str, **_: Any) -> None:
        self.created.append(name)


@dataclass
class _NotedClient:
    containers: _NotedContainers = field(default_factory=_NotedContainers)
    networks: _NotedNetworks = field(default_factory=_NotedNetworks)


class NotingEngine(Engine):
    """Notes what it is asked to create; `engine` is asked what it is, and where it does not answer, that is assumed."""

    def __init__(self, engine: Engine) -> None:
        super().__init__({})
        self._engine = engine

    @cached_property
    def client(self) -> Any:
        """Takes the calls that start a container."""
        return _NotedClient()

    @cached_property
    def platform(self) -> str:
        """That of the engine; where none answers, that of SageMaker's usual instances."""
        try:
            return self._engine.platform
        except EngineError:
            return _ASSUMED_PLATFORM

    @cached_property
    def cpus(self) -> int:
        """Those of the engine; where none answers, this machine's."""
        try:
            return self._engine.cpus
        except EngineError:
            return os.cpu_count() or 1

    def shares_network(self) -> bool:
        """Whether it does is asked when a container is really started."""
        return True

    @property
    def container(self) -> NotedContainer:
        """The one that was created last."""
        created: list[NotedContainer] = self.client.containers.created
        return created[-1]

    @property
    def networks(self) -> list[str]:
        """The internal networks that were created for it."""
        names: list[str] = self.client.networks.created
        return names


def docker_run(noted: NotedContainer) -> list[str]:
    """The `docker run` command line that starts the same container, in its parts.

    Raises:
        ValueError: the container is created with an option that has no counterpart here.
    """
    parts = ["docker", "run", "--rm"]
    for name, value in noted.options.items():
        if name not in _LEFT_OUT:
            if name not in _AS_ARGUMENTS:
                raise ValueError(f"containers are created with {name}, which explain does not know")
            parts += _AS_ARGUMENTS[name](value)
    return [*parts, noted.image, *noted.command]


def _published(ports: Mapping[str, tuple[str, int | None]]) -> list[str]:
    return [
        word
        for port, (host, number) in ports.items()
        for word in ("--publish", f"{host}:{number or ''}:{port.partition('/')[0]}")
    ]


def _mounted(mounts: list[Mapping[str, Any]]) -> list[str]:
    return [word for mount in mounts for word in ("--mount", _mount(mount))]


def _mount(mount: Mapping[str, Any]) -> str:
    # the command line reads it as a line of CSV, since paths may hold commas
    fields = [f"type={mount['Type']}", f"source={mount['Source']}", f"target={mount['Target']}"]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([*fields, *(["readonly"] if mount["ReadOnly"] else [])])
    return line.getvalue()


_AS_ARGUMENTS: Mapping[str, Callable[[Any], list[str]]] = {
    "hostname": lambda name: ["--hostname", name],
    "network_mode": lambda mode: ["--network", mode],
    "network": lambda name: ["--network", name],
    "ports": _published,
    "environment": lambda values: [word for name, value in values.items() for word in ("--env", f"{name}={value}")],
    "mounts": _mounted,
    "mem_limit": lambda size: ["--memory", size],
    "memswap_limit": lambda size: ["--memory-swap", size],
    "nano_cpus": lambda number: ["--cpus", f"{number / 1e9:g}"],
    "stop_signal": lambda signal: ["--stop-signal", signal],
}


def in_lines(parts: list[str]) -> list[str]:
    """A command line as a shell reads it, an option a line."""
    lines: list[list[str]] = [[]]
    for part in parts:
        if part.startswith("--") and lines != [["docker", "run"]]:
            lines.append([])
        lines[-1].append(shlex.quote(part))
    *options, last = lines
    # the image follows the last option and its value
    return [f"{' '.join(line)} \\" for line in (*options, last[:2])] + [" ".join(last[2:])]
