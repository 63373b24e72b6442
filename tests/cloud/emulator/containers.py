"""The containers of jobs and endpoints.

They are created as on SageMaker, and have a label.
"""

from __future__ import annotations

import io
import tarfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.types import Mount
from requests.exceptions import RequestException

LABEL = "lgbm-sm.test"
# what is the emulation's own among all of a session
RUN_LABEL = "lgbm-sm.test-run"


@dataclass
class Times:
    """Times in seconds. SageMaker needs minutes, but tests are faster."""

    # that a phase lasts in which the emulation has nothing to do
    phase: float = 0.1
    # that a job waits for its instances; a test may change it while a job waits; None: a phase
    queue: float | None = None
    # after which an endpoint that does not answer has failed; None: what its config says, or 8 minutes
    startup: float | None = None
    # between a job's SIGTERM and its SIGKILL
    stop_training: float = 120
    stop_serving: float = 30
    invocation: float = 60

    def reset(self) -> None:
        for field in fields(self):
            setattr(self, field.name, field.default)


def archive(files: Mapping[str, bytes], folders: Iterable[str] = (), at: float | None = None) -> bytes:
    """Return a tar with these files and folders by their paths.

    `at` is the time of the files. The default is now.
    """
    now = int(time.time() if at is None else at)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder in folders:
            member = tarfile.TarInfo(folder)
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, now
            tar.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o644, now
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@dataclass
class Containers:
    """Creates containers, volumes and networks.

    All of them have the labels `lgbm-sm.test=<session>` and `lgbm-sm.test-run=<session>`.
    """

    client: docker.DockerClient
    session: str

    @property
    def labels(self) -> dict[str, str]:
        return {LABEL: self.session, RUN_LABEL: self.session}

    def volume(self, image: str, target: str, content: bytes) -> str:
        """Create a volume with the content of an archive, to be mounted at `target`.

        Return its name. Files that the image itself has at `target` are not in the volume.
        """
        name = f"lgbm-sm-test-{uuid.uuid4().hex[:12]}"
        self.client.volumes.create(name, labels=self.labels)
        # never started: the engine copies through a container only
        helper = self._create(image, ["-"], name, target, read_only=False)
        try:
            helper.put_archive(target, content)
        finally:
            helper.remove(v=False)
        return name

    def create(
        self, image: str, command: list[str], volume: str, target: str, *, read_only: bool, **options: Any
    ) -> Container:
        return self._create(image, command, volume, target, read_only=read_only, **options)

    def _create(
        self, image: str, command: list[str], volume: str, target: str, *, read_only: bool, **options: Any
    ) -> Container:
        mount = Mount(target, volume, type="volume", read_only=read_only, no_copy=True)
        return self.client.containers.create(image, command, labels=self.labels, mounts=[mount], **options)

    def isolated_network(self) -> str:
        """Create a network without access to other machines. Return its name."""
        name = f"lgbm-sm-test-{uuid.uuid4().hex[:12]}"
        self.client.networks.create(name, internal=True, labels=self.labels)
        return name

    def remove(self, container: Container | None, volume: str, network: str = "") -> None:
        """Remove the container, the volume and the network. Missing ones are no error."""
        if container is not None:
            _quietly(lambda: container.remove(force=True))
        if volume:
            _quietly(lambda: self.client.api.remove_volume(volume))
        if network:
            _quietly(lambda: self.client.api.remove_network(network))

    def remove_all(self) -> None:
        """Remove all remaining containers, volumes and networks of the session."""
        chosen = {"label": f"{RUN_LABEL}={self.session}"}
        for found in self.client.api.containers(all=True, filters=chosen):
            self.remove(self.client.containers.get(found["Id"]), "")
        for volume in self.client.api.volumes(filters=chosen)["Volumes"] or []:
            self.remove(None, volume["Name"])
        for network in self.client.api.networks(filters=chosen):
            self.remove(None, "", network["Id"])


def _quietly(remove: Callable[[], object]) -> None:
    try:
        remove()
    except NotFound:
        return


def follow(container: Container, write: Callable[[list[str]], None]) -> threading.Thread:
    """Pass the output of the container on, line by line, until it ends.

    After a join of the thread, all output has been passed on.
    """
    thread = threading.Thread(target=_follow, args=(container, write), daemon=True, name=f"log of {container.name}")
    thread.start()
    return thread


def _follow(container: Container, write: Callable[[list[str]], None]) -> None:
    rest = b""
    try:
        for chunk in container.logs(stream=True, follow=True):
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                write([line.decode(errors="replace").rstrip("\r") for line in lines])
    except (APIError, RequestException):  # it has been removed
        pass
    if rest:
        write([rest.decode(errors="replace")])


def has_ended(container: Container) -> bool:
    """Return whether the container has ended. This is also true for a removed container."""
    try:
        container.reload()
    except NotFound:
        return True
    return container.status in ("exited", "dead")


def exit_code(container: Container) -> int:
    """Return the exit code of a container that has ended."""
    code: int = container.attrs["State"]["ExitCode"]
    return code


def stop(container: Container, seconds: float) -> None:
    """Send SIGTERM, even if the image has another STOPSIGNAL. Send SIGKILL after `seconds`."""
    for signal, patience in (("SIGTERM", seconds), ("SIGKILL", 30.0)):
        try:
            container.kill(signal)
        except APIError as error:
            if error.status_code not in (404, 409):  # gone, or not running
                raise
            return
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if has_ended(container):
                return
            time.sleep(0.05)
