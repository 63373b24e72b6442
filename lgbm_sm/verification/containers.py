"""Containers and volumes of a verification: known by their labels, and removed whatever happens.

Files come and go in volumes, not in folders of this machine: what a container writes as root is nobody's burden, and
the engine may be elsewhere.
"""

import io
import os
import platform
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from lgbm_sm.backends.docker_engine import Engine, engine_errors
from lgbm_sm.errors import EngineError, ImageError

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.types import Mount

VERIFICATION_LABEL = "lgbm-sm.verification"  # whose: machine, process and its start
_FILL_PATH = "/lgbm-sm-verification"
_SERVING_PORT = 8080
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Volume:
    """A volume of its own at `path` in a container, with the files of a tar (compressed or not, in memory or a file).

    Read-only volumes of the same content are one.
    """

    path: str
    content: bytes | Path
    read_only: bool = False

    def mount(self, name: str) -> "Mount":
        from docker.types import Mount

        # no_copy: the engine would put what the image has there into it, which the platform never does
        return Mount(self.path, name, type="volume", read_only=self.read_only, no_copy=True)


@dataclass
class Started:
    """A container, started unless `refusal` is the engine's word against it."""

    container: "Container"
    started_at: float
    refusal: str = ""

    def exit_code(self) -> int | None:
        """None while it runs."""
        with engine_errors("a container cannot be looked at", EngineError):
            self.container.reload()
        state = self.container.attrs["State"]
        return None if state["Running"] or state["Restarting"] else int(state["ExitCode"])

    def wait(self, seconds: float) -> int | None:
        """The exit code once it has ended; None where it still runs after so many seconds."""
        deadline = time.monotonic() + seconds
        while (code := self.exit_code()) is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return code

    def log(self) -> str:
        with engine_errors("a container's log cannot be read", EngineError):
            return bytes(self.container.logs()).decode("utf-8", errors="replace")

    def last_words(self) -> str:
        """What the engine had against it, or the end of its log, to follow a sentence in one line."""
        lines = [line.strip() for line in self.log().splitlines() if line.strip()]
        said = self.refusal or " / ".join(lines[-2:])
        return f": {said[-300:]}" if said else ", without a word"

    def terminate(self) -> None:
        """SIGTERM; harmless when it has ended."""
        import docker.errors

        with suppress(docker.errors.APIError):
            self.container.kill("SIGTERM")

    def start_again(self) -> None:
        with engine_errors("a container cannot be started again", ImageError):
            self.container.start()
            self.started_at = time.monotonic()

    def remove(self) -> None:
        import docker.errors

        with suppress(docker.errors.NotFound):
            self.container.remove(force=True, v=True)

    def put(self, path: str, content: bytes | Path) -> None:
        """Unpack a tar into a folder of the container, which need not run."""
        with engine_errors("files cannot be put into a container", EngineError):
            if isinstance(content, bytes):
                self.container.put_archive(path, content)
                return
            with content.open("rb") as archive:
                self.container.put_archive(path, archive)

    def open_archive(self, path: str) -> tarfile.TarFile | None:
        """What lies there as a tar, to be read once from its beginning; None where nothing does."""
        import docker.errors

        with engine_errors("files of a container cannot be read", EngineError):
            try:
                chunks, _ = self.container.get_archive(path)
            except docker.errors.NotFound:
                return None
            return tarfile.open(fileobj=io.BufferedReader(_Chunks(iter(chunks))), mode="r|")

    def status(self, path: str) -> dict[str, Any] | None:
        """Mode (as Go has it), size and target of what lies there; links in its last part are not followed."""
        import docker.errors

        with engine_errors("files of a container cannot be looked at", EngineError):
            try:
                chunks, status = self.container.get_archive(path)
            except docker.errors.NotFound:
                return None
        chunks.close()  # type: ignore[attr-defined]  # a generator, which holds a connection
        return status

    def read(self, path: str, most_bytes: int = 1 << 20) -> bytes | None:
        """A file's content, or its beginning; None where there is none."""
        archive = self.open_archive(path)
        if archive is None:
            return None
        with archive:
            member = archive.next()
            file = archive.extractfile(member) if member and member.isfile() else None
            return file.read(most_bytes) if file else None

    def run(self, *command: str) -> bytes:
        """What a program of the image writes, run in the container; empty where it has none of that name."""
        import docker.errors

        with suppress(docker.errors.APIError):
            code, output = self.container.exec_run(list(command), user="0")
            return output if code == 0 and isinstance(output, bytes) else b""
        return b""

    def address(self) -> tuple[str, int] | None:
        """Host and port at which this machine reaches the container's port 8080."""
        with engine_errors("a container cannot be looked at", EngineError):
            self.container.reload()
        settings = self.container.attrs["NetworkSettings"]
        if published := (settings["Ports"] or {}).get(f"{_SERVING_PORT}/tcp"):
            return published[0]["HostIp"], int(published[0]["HostPort"])
        addresses = [network["IPAddress"] for network in settings["Networks"].values() if network["IPAddress"]]
        return (addresses[0], _SERVING_PORT) if addresses else None


@dataclass
class Sandbox:
    """Makes containers of one image, and takes away all that it has made when it is left."""

    engine: Engine
    image: str
    as_root: bool = False  # whatever user the image names
    _network: str = field(default="", init=False)
    _shared: dict[bytes | Path, str] = field(default_factory=dict, init=False)

    def __enter__(self) -> Self:
        remove_abandoned(self.engine)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _remove_all(self.engine, [_owner()])

    def _new_volume(self) -> str:
        with engine_errors("a volume cannot be made", EngineError):
            return str(self.engine.client.volumes.create(labels=_labels()).name)

    def _shared_volume(self, content: bytes | Path) -> str:
        """The name of the read-only volume of that content, which a container fills that never runs."""
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
        """A container that has not been started; `options` are docker-py's."""
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
        hint = "see that the image is whole, and for a platform that this engine runs"
        with engine_errors(f"a container of {self.image} cannot be made", ImageError, hint):
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
        """Start it; what the engine has against it becomes its `refusal`."""
        import docker.errors

        started.started_at = time.monotonic()
        with engine_errors("a container cannot be started", EngineError):
            try:
                started.container.start()
            except docker.errors.APIError as error:
                started.refusal = str(error.explanation or error)
        return started

    def serving_options(self, *, network: bool) -> dict[str, Any]:
        """How a server is reached: with a network on a loopback port, without one at its own address."""
        if network:
            return {"ports": {f"{_SERVING_PORT}/tcp": ("127.0.0.1", None)}}
        if not self._network:
            name = f"lgbm-sm-verification-{os.getpid()}-{time.monotonic_ns()}"
            with engine_errors("a network cannot be made", EngineError):
                self.engine.client.networks.create(name, driver="bridge", internal=True, labels=_labels())
            self._network = name
        return {"network": self._network}


def remove_abandoned(engine: Engine) -> None:
    """Take away what verifications have left that were killed on this machine."""
    client = engine.client
    with engine_errors("containers cannot be listed", EngineError):
        filters: dict[str, str | list[str] | bool] = {"label": VERIFICATION_LABEL}
        found = [one.get("Labels") or {} for one in client.api.containers(all=True, filters=filters)]
        found += [one.get("Labels") or {} for one in client.api.networks(filters=filters)]
        found += [one.get("Labels") or {} for one in client.api.volumes(filters=filters)["Volumes"] or ()]
    owners = {labels[VERIFICATION_LABEL] for labels in found if VERIFICATION_LABEL in labels}
    _remove_all(engine, [owner for owner in owners if _is_gone(owner)])


def _remove_all(engine: Engine, owners: Sequence[str]) -> None:
    import docker.errors

    client = engine.client
    for owner in owners:
        filters: dict[str, str | list[str] | bool] = {"label": f"{VERIFICATION_LABEL}={owner}"}
        with engine_errors("what the verification has made cannot be removed", EngineError):
            for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
                with suppress(docker.errors.NotFound):
                    container.remove(force=True, v=True)
            for network in client.networks.list(filters=filters):
                with suppress(docker.errors.NotFound):
                    network.remove()
            for volume in client.volumes.list(filters=filters):
                with suppress(docker.errors.NotFound):
                    volume.remove(force=True)


def _labels() -> dict[str, str]:
    return {VERIFICATION_LABEL: _owner()}


def _owner() -> str:
    import psutil

    return f"{platform.node()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def _is_gone(owner: str) -> bool:
    """Whether the process was one of this machine, and has ended."""
    import psutil

    node, process_id, created = owner.rsplit("/", 2)
    if node != platform.node():
        return False
    try:
        return f"{psutil.Process(int(process_id)).create_time():.2f}" != created
    except psutil.Error:
        return True


class _Chunks(io.RawIOBase):
    """An iterator of bytes as a file that is read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
