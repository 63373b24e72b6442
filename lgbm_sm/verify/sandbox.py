"""Create the containers, volumes and networks of `verify`, and remove them at the end.

A label on each of them contains its owner, so a later command can remove the leftovers of a killed one.
"""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from lgbm_sm import contract
from lgbm_sm.backends.docker.engine import Engine, engine_errors
from lgbm_sm.errors import EngineError, ImageError
from lgbm_sm.verify.containers import Started, Volume

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

VERIFICATION_LABEL = "lgbm-sm.verification"  # the value is the owner: machine, process id and start time
_FILL_PATH = "/lgbm-sm-verification"
_REMOVAL_SECONDS = 30.0
_REMOVAL_PAUSE_SECONDS = 0.2
_IN_FLIGHT_SECONDS = 0.5


@dataclass
class Sandbox:
    """A context manager that creates containers of one image. At its end, it removes everything that it created."""

    engine: Engine
    image: str
    as_root: bool = False  # run the containers as root, not as the user of the image
    _network: str = field(default="", init=False)
    _shared: dict[bytes | Path, str] = field(default_factory=dict, init=False)

    def __enter__(self) -> Self:
        remove_abandoned(self.engine)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            time.sleep(_IN_FLIGHT_SECONDS)  # Docker may still be creating the last container
        _remove_all(self.engine, _owner())

    def _new_volume(self) -> str:
        with engine_errors("could not create a volume", EngineError):
            return str(self.engine.client.volumes.create(labels=_labels()).name)

    def _shared_volume(self, content: bytes | Path) -> str:
        """Return the name of the read-only volume with this content. Create the volume if necessary.

        A container that never runs is used to copy the content to the volume.
        """
        if content not in self._shared:
            name = self._new_volume()
            filling = self._create(["fill"], {"mounts": [Volume(_FILL_PATH, content).mount(name)]})
            filling.put(_FILL_PATH, content)
            filling.remove()
            self._shared[content] = name
        return self._shared[content]

    def create(
        self,
        command: Sequence[str],
        volumes: Sequence[Volume] = (),
        *,
        environment: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> Started:
        """Create a container, but do not start it. `options` are options of docker-py."""
        names = [self._shared_volume(one.content) if one.read_only else self._new_volume() for one in volumes]
        mounts = [volume.mount(name) for volume, name in zip(volumes, names, strict=True)]
        created = self._create(command, {"mounts": mounts, "environment": dict(environment), **options})
        for volume in volumes:
            if not volume.read_only:
                created.put(volume.path, volume.content)
        return created

    def _create(self, command: Sequence[str], options: dict[str, Any]) -> Started:
        from docker.types import LogConfig

        if self.as_root:
            options["user"] = "0:0"
        hint = "check that the image is complete, and that Docker runs its platform"
        with engine_errors(f"could not create a container of {self.image}", ImageError, hint):
            container = self.engine.client.containers.create(
                self.image,
                list(command),
                labels=_labels(),
                stop_signal="SIGTERM",
                log_config=LogConfig(type="json-file"),
                **options,
            )
        return Started(container, time.monotonic())

    def start(self, started: Started) -> Started:
        """Start a container. If Docker refuses, set `refusal` to the reason."""
        import docker.errors

        started.started_at = time.monotonic()
        with engine_errors("could not start a container", EngineError):
            try:
                started.container.start()
            except docker.errors.APIError as error:
                started.refusal = str(error.explanation or error)
        return started

    def serving_options(self, *, network: bool) -> dict[str, Any]:
        """Return docker-py options that make a server reachable.

        With `network`, the server is reachable on a port of the loopback interface. Without it, the server is reachable
        only at the container's own address.
        """
        if network:
            return {"ports": {f"{contract.SERVING_PORT}/tcp": ("127.0.0.1", None)}}
        if not self._network:
            name = f"lgbm-sm-verification-{os.getpid()}-{time.monotonic_ns()}"
            with engine_errors("could not create a network", EngineError):
                self.engine.client.networks.create(name, driver="bridge", internal=True, labels=_labels())
            self._network = name
        return {"network": self._network}


def remove_abandoned(engine: Engine) -> None:
    """Remove what killed `verify` commands of this machine left in Docker."""
    client = engine.client
    with engine_errors("could not list containers", EngineError):
        filters: dict[str, str | list[str] | bool] = {"label": VERIFICATION_LABEL}
        found = [one.get("Labels") or {} for one in client.api.containers(all=True, filters=filters)]
        found += [one.get("Labels") or {} for one in client.api.networks(filters=filters)]
        found += [one.get("Labels") or {} for one in client.api.volumes(filters=filters)["Volumes"] or ()]
    owners = {labels[VERIFICATION_LABEL] for labels in found if VERIFICATION_LABEL in labels}
    for owner in owners:
        if _is_gone(owner):
            _remove_all(engine, owner)


def _remove_all(engine: Engine, owner: str) -> None:
    """Remove everything with the owner's label. Try again while Docker refuses.

    Raises:
        EngineError: something still exists after the time limit.
    """
    until = time.monotonic() + _REMOVAL_SECONDS
    while left := _try_to_remove(engine, owner):
        if time.monotonic() > until:
            hint = f"remove the containers, networks and volumes with the label {VERIFICATION_LABEL} by hand"
            raise EngineError(f"could not remove the containers and volumes of verify: {left}", hint)
        time.sleep(_REMOVAL_PAUSE_SECONDS)


def _try_to_remove(engine: Engine, owner: str) -> str:
    """Remove everything once. Return Docker's last error, or "" if everything was removed."""
    import docker.errors

    client = engine.client
    filters: dict[str, str | list[str] | bool] = {"label": f"{VERIFICATION_LABEL}={owner}"}
    left = ""
    with engine_errors("could not list the containers and volumes of verify", EngineError):
        removals: list[Callable[[], None]] = [
            *(partial(one.remove, force=True, v=True) for one in _containers(client, filters)),
            *(one.remove for one in client.networks.list(filters=filters)),
            *(partial(one.remove, force=True) for one in client.volumes.list(filters=filters)),
        ]
        for remove in removals:
            try:
                remove()
            except docker.errors.NotFound:
                continue
            except docker.errors.APIError as error:
                left = str(error.explanation or error)
    return left


def _containers(client: "docker.DockerClient", filters: dict[str, str | list[str] | bool]) -> "list[Container]":
    return client.containers.list(all=True, filters=filters, ignore_removed=True)


def _labels() -> dict[str, str]:
    return {VERIFICATION_LABEL: _owner()}


def _owner() -> str:
    import psutil

    return f"{platform.node()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def _is_gone(owner: str) -> bool:
    """Return whether the owner is a process of this machine, and has ended."""
    import psutil

    node, process_id, created = owner.rsplit("/", 2)
    if node != platform.node():
        return False
    try:
        return f"{psutil.Process(int(process_id)).create_time():.2f}" != created
    except psutil.Error:
        return True
