"""Containers and volumes of a verification.

Files are passed in volumes, not in folders of this machine: containers write files as root, and Docker may run
elsewhere.
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
    """A volume at `path` in a container, filled from a tar file or from a tar in memory.

    Read-only volumes of the same content share one volume.
    """

    path: str
    content: bytes | Path
    read_only: bool = False

    def mount(self, name: str) -> "Mount":
        from docker.types import Mount

        # no_copy: Docker would fill the volume with the image's files, which the platform never does
        return Mount(self.path, name, type="volume", read_only=self.read_only, no_copy=True)


@dataclass
class Started:
    """A container that was started, unless `refusal` gives Docker's reason against it."""

    container: "Container"
    started_at: float
    refusal: str = ""

    def exit_code(self) -> int | None:
        """None while it runs."""
        with engine_errors("could not inspect a container", EngineError):
            self.container.reload()
        state = self.container.attrs["State"]
        return None if state["Running"] or state["Restarting"] else int(state["ExitCode"])

    def wait(self, seconds: float) -> int | None:
        """Wait for the exit code; None if the container still runs after `seconds`."""
        for _ in PAUSES.rounds(seconds):
            if (code := self.exit_code()) is not None:
                return code
        return None

    def log(self) -> str:
        with engine_errors("could not read a container's log", EngineError):
            return bytes(self.container.logs()).decode("utf-8", errors="replace")

    def last_words(self) -> str:
        """Return Docker's reason not to start it, or the end of its log, as the end of a sentence."""
        lines = [line.strip() for line in self.log().splitlines() if line.strip()]
        said = self.refusal or " / ".join(lines[-2:])
        return f": {said[-300:]}" if said else ", with an empty log"

    def terminate(self) -> None:
        """Send SIGTERM; harmless if the container has ended."""
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
        """Unpack a tar into a folder of the container, which need not be running."""
        with engine_errors("could not copy files into a container", EngineError):
            if isinstance(content, bytes):
                self.container.put_archive(path, content)
                return
            with content.open("rb") as archive:
                self.container.put_archive(path, archive)

    def open_archive(self, path: str) -> tarfile.TarFile | None:
        """Open a file or a folder as a tar that can be read once; None if it does not exist."""
        import docker.errors

        with engine_errors("could not read files of a container", EngineError):
            try:
                chunks, _ = self.container.get_archive(path)
            except docker.errors.NotFound:
                return None
            return tarfile.open(fileobj=io.BufferedReader(_Chunks(iter(chunks))), mode="r|")

    def status(self, path: str) -> dict[str, Any] | None:
        """Return a path's mode (in Go's encoding), size and link target.

        A link itself is not followed.
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
        """Return the start of a file; None if it does not exist."""
        archive = self.open_archive(path)
        if archive is None:
            return None
        with archive:
            member = archive.next()
            file = archive.extractfile(member) if member and member.isfile() else None
            return file.read(most_bytes) if file else None

    def run(self, *command: str) -> bytes:
        """Return the output of a program in the container; empty if the image lacks it."""
        import docker.errors

        with suppress(docker.errors.APIError):
            code, output = self.container.exec_run(list(command), user="0")
            return output if code == 0 and isinstance(output, bytes) else b""
        return b""

    def address(self) -> tuple[str, int] | None:
        """Return the server's host and port; None if the container has ended."""
        with engine_errors("could not inspect a container", EngineError):
            self.container.reload()
        return address_of(self.container)

    def memory_bytes(self) -> int | None:
        """Return the memory of the container's processes; None if Docker does not report it."""
        return memory_bytes(self.container.stats(stream=False))


class _Chunks(io.RawIOBase):
    """A file over an iterator of bytes, to be read once."""

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
