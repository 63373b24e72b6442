"""A file lock for commands that run at the same time in one project."""

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lgbm_sm.errors import TimedOutError, WorkFolderError

_PAUSE_SECONDS = 0.02
_REPORT_AFTER_SECONDS = 1.0
_MOST_CHARACTERS = 200


def _ignore(_: str) -> None:
    """Ignore a message."""


class FileLock:
    """A lock on the file at `path`. The process that holds the lock writes its id and its command to the file.

    After a wait of one second, `say` gets a message with the holder. After `timeout_seconds`, `held` raises an error.
    Tests can replace `lock_file`.
    """

    def __init__(
        self,
        path: Path,
        *,
        say: Callable[[str], None] = _ignore,
        timeout_seconds: float = 60.0,
        lock_file: Callable[[int, int], None] = fcntl.flock,
    ) -> None:
        self.path = path
        self._say = say
        self._timeout_seconds = timeout_seconds
        self._lock_file = lock_file

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Create the folder of the file if it does not exist.

        Raises:
            WorkFolderError: the file cannot be created or locked.
            TimedOutError: another process still holds the lock after the time limit.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise WorkFolderError.of(error, self.path) from error
        try:
            self._wait(descriptor)
            _write_holder(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int) -> None:
        started_at = time.monotonic()
        has_said = False
        while not self._try(descriptor):
            waited_seconds = time.monotonic() - started_at
            if waited_seconds >= self._timeout_seconds:
                raise TimedOutError(
                    f"{self.path} is still locked by {_holder(descriptor)} after {waited_seconds:.0f} s",
                    "run the command again when that process has ended",
                )
            if waited_seconds >= _REPORT_AFTER_SECONDS and not has_said:
                has_said = True
                self._say(f"waiting for {_holder(descriptor)}, which has locked {self.path}")
            time.sleep(_PAUSE_SECONDS)

    def _try(self, descriptor: int) -> bool:
        try:
            self._lock_file(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise WorkFolderError(
                f"failed to lock {self.path}: {error.strerror}",
                "put the project on a file system that supports locks, such as a local disk",
            ) from error
        return True


def _write_holder(descriptor: int) -> None:
    command = " ".join(("lgbm-sm", *sys.argv[1:]))[:_MOST_CHARACTERS]
    with suppress(OSError):  # on a full disk, the lock works without this text
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {command}\n".encode(errors="replace"), 0)


def _holder(descriptor: int) -> str:
    pid, _, command = os.pread(descriptor, 4096, 0).decode(errors="replace").strip().partition(" ")
    return f"process {pid} ({command})" if pid else "another process"
