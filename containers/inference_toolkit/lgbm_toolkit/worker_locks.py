"""The state of the workers, as locks on two files.

The kernel releases a lock when its process dies.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# The folder of the two files; the entry point sets it for the workers.
VARIABLE = "LGBM_TOOLKIT_LOCKS"
_SERVING = "serving"
_BUSY = "busy"


class WorkerLocks:
    """The worker's locks: one while it can answer, the other while it is answering."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Open the files; if the environment variable is not set, nothing is locked."""
        folder = environment.get(VARIABLE)
        self._serving, self._busy = (
            None if folder is None else _open(Path(folder, name)) for name in (_SERVING, _BUSY)
        )

    def hold_serving(self) -> None:
        """Hold the lock from now on, until the process ends."""
        if self._serving is not None:
            fcntl.flock(self._serving, fcntl.LOCK_SH)

    @contextmanager
    def busy(self) -> Iterator[None]:
        if self._busy is None:
            yield
            return
        fcntl.flock(self._busy, fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(self._busy, fcntl.LOCK_UN)


class LockWatch:
    """The entry point's view of the locks; `folder` contains only these two files."""

    def __init__(self, folder: Path) -> None:
        self.environment = {VARIABLE: str(folder)}
        self._serving, self._busy = (_open(folder / name) for name in (_SERVING, _BUSY))

    def some_worker_serves(self) -> bool:
        return _is_held(self._serving)

    def some_worker_is_busy(self) -> bool:
        return _is_held(self._busy)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False
