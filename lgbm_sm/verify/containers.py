"""Containers and volumes of a verification.

Files come and go in volumes, not in folders of this machine: what a container writes as root is nobody's burden, and
the engine may be elsewhere.
"""

import io
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgbm_sm.backends.docker.engine import engine_errors
from lgbm_sm.errors import EngineError, ImageError

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.types import Mount

SERVING_PORT = 8080
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

        with engine_errors("a container cannot be removed", EngineError), suppress(docker.errors.NotFound):
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
        if published := (settings["Ports"] or {}).get(f"{SERVING_PORT}/tcp"):
            return published[0]["HostIp"], int(published[0]["HostPort"])
        addresses = [network["IPAddress"] for network in settings["Networks"].values() if network["IPAddress"]]
        return (addresses[0], SERVING_PORT) if addresses else None


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
