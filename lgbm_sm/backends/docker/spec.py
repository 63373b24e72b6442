"""The description of a container that Docker has not yet created."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgbm_sm import contract

if TYPE_CHECKING:
    from docker.types import Mount

PUBLISHED_ON = "127.0.0.1"


@dataclass(frozen=True)
class BindMount:
    """A mount: the file or folder `source` of this machine appears as `target` in the container."""

    source: Path
    target: str
    read_only: bool = False

    def mount(self) -> "Mount":
        """Return the mount in docker-py's form."""
        from docker.types import Mount

        return Mount(target=self.target, source=str(self.source), type="bind", read_only=self.read_only)


@dataclass(frozen=True)
class ContainerSpec:
    """The description of a container. Docker can start it, and `explain` can print it as a `docker run` command.

    If `hostname` is empty, Docker chooses one. `internal_network` is the name of a network without access to other
    networks. With `publishes`, the serving port is reachable on the loopback interface. `memory` is a text such as 2g.
    """

    image: str
    command: str
    environment: Mapping[str, str]
    mounts: tuple[BindMount, ...]
    hostname: str = ""
    is_isolated: bool = False
    internal_network: str = ""
    publishes: bool = False
    memory: str | None = None
    cpus: float | None = None
    stop_signal: str = "SIGTERM"
    labels: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """Return the options for docker-py's `create`, without image, command and name."""
        from docker.types import LogConfig

        optional: dict[str, Any] = {}
        if self.hostname:
            optional["hostname"] = self.hostname
        if self.is_isolated:
            optional["network_mode"] = "none"
        if self.internal_network:
            optional["network"] = self.internal_network
        if self.publishes:
            optional["ports"] = {f"{contract.SERVING_PORT}/tcp": (PUBLISHED_ON, None)}
        if self.memory:
            # SageMaker instances have no swap
            optional |= {"mem_limit": self.memory, "memswap_limit": self.memory}
        if self.cpus:
            optional["nano_cpus"] = int(self.cpus * 1e9)
        return {
            **optional,
            "mounts": [mount.mount() for mount in self.mounts],
            "environment": dict(self.environment),
            "stop_signal": self.stop_signal,
            "labels": dict(self.labels),
            # with some log drivers, Docker cannot read the logs
            "log_config": LogConfig(type="json-file"),
        }
