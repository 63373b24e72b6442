"""The containers and volumes that `verify` uses.

Containers get their files in volumes, not in folders of this machine. The reasons: containers write files as root, and
Docker may run on another machine.
"""

import io
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgbm_sm.aws.waiting import Patience
from lgbm_sm.backends.docker.engine import engine_errors
from lgbm_sm.backends.docker.inspection import address_of, memory_bytes
from lgbm_sm.errors import EngineError, ImageError

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.types import Mount

PAUSES = Patience(first_seconds=0.05, longest_seconds=0.05)


@dataclass(frozen=True)
class Volume:
    """A volume at `path` in a container. `content` is a tar archive: the path of a file, or bytes.

    Read-only volumes with the same content share one Docker volume.
    """

    path: str
    content: bytes | Path
    read_only: bool = False

    def mount(self, name: str) -> "Mount":
        from docker.types import Mount

        # without no_copy, Docker would copy files of the image to the volume; SageMaker never does this
        return Mount(self.path, name, type="volume", read_only=self.read_only, no_copy=True)


@dataclass
class Started:
    """A container. If Docker refused to start it, `refusal` is the reason."""

    container: "Container"
    started_at: float
    refusal: str = ""

    def exit_code(self) -> int | None:
        """Return the exit code, or None while the container runs."""
        with engine_errors("could not inspect a container", EngineError):
            self.container.reload()
        state = self.container.attrs["State"]
        return None if state["Running"] or state["Restarting"] else int(state["ExitCode"])

    def wait(self, seconds: float) -> int | None:
        """Wait for the exit code. Return None if the container still runs after `seconds`."""
        for _ in PAUSES.rounds(seconds):
            if (code := self.exit_code()) is not None:
                return code
        return None

    def log(self) -> str:
        with engine_errors("could not read a container's log", EngineError):
            return bytes(self.container.logs()).decode("utf-8", errors="replace")

    def last_words(self) -> str:
        """Return text that continues a sentence: Docker's reason not to start the container, or the end of its log."""
        lines = [line.strip() for line in self.log().splitlines() if line.strip()]
        said = self.refusal or " / ".join(lines[-2:])
        return f": {said[-300:]}" if said else ", with an empty log"

    def terminate(self) -> None:
        """Send SIGTERM. Do nothing if the container has already ended."""
        import docker.errors

        with suppress(docker.errors.APIError):
            self.container.kill("SIGTERM")

    def start_again(self) -> None:
        with engine_errors("could not restart a container", ImageError):
            self.container.start()
            self.started_at = time.monotonic()

    def remove(self) -> None:
        import docker.errors

        with engine_errors("could not remove a container", EngineError), suppress(docker.errors.NotFound):
            self.container.remove(force=True, v=True)

    def put(self, path: str, content: bytes | Path) -> None:
        """Unpack a tar archive into a folder of the container. The container may be stopped."""
        with engine_errors("could not copy files into a container", EngineError):
            if isinstance(content, bytes):
                self.container.put_archive(path, content)
                return
            with content.open("rb") as archive:
                self.container.put_archive(path, archive)

    def open_archive(self, path: str) -> tarfile.TarFile | None:
        """Return a file or a folder as a tar archive, or None if it does not exist. It can be read only once."""
        import docker.errors

        with engine_errors("could not read files of a container", EngineError):
            try:
                chunks, _ = self.container.get_archive(path)
            except docker.errors.NotFound:
                return None
            return tarfile.open(fileobj=io.BufferedReader(_Chunks(iter(chunks))), mode="r|")

    def status(self, path: str) -> dict[str, Any] | None:
        """Return the mode, size and link target of a path, or None if the path does not exist.

        The mode has Go's encoding. A link is not followed.
        """
        import docker.errors

        with engine_errors("could not inspect files of a container", EngineError):
            try:
                chunks, status = self.container.get_archive(path)
            except docker.errors.NotFound:
                return None
        chunks.close()  # type: ignore[attr-defined]  # a generator, which holds a connection
        return status

    def read(self, path: str, most_bytes: int = 1 << 20) -> bytes | None:
        """Return the first bytes of a file, or None if the file does not exist."""
        archive = self.open_archive(path)
        if archive is None:
            return None
        with archive:
            member = archive.next()
            file = archive.extractfile(member) if member and member.isfile() else None
            return file.read(most_bytes) if file else None

    def run(self, *command: str) -> bytes:
        """Run a program in the container and return its output. Return no bytes if the program is missing or fails."""
        import docker.errors

        with suppress(docker.errors.APIError):
            code, output = self.container.exec_run(list(command), user="0")
            return output if code == 0 and isinstance(output, bytes) else b""
        return b""

    def address(self) -> tuple[str, int] | None:
        """Return the host and port of the server, or None if the container has ended."""
        with engine_errors("could not inspect a container", EngineError):
            self.container.reload()
        return address_of(self.container)

    def memory_bytes(self) -> int | None:
        """Return the memory of the container's processes, or None if Docker does not report it."""
        return memory_bytes(self.container.stats(stream=False))


class _Chunks(io.RawIOBase):
    """A file that reads from an iterator of bytes. It can be read only once."""

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
