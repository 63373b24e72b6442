"""The state of the workers, shown by locks on two files.

A worker holds a lock on `serving` while it can answer, and one on `busy` while it answers. The kernel releases the
locks of a process that dies.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# The environment variable with the folder of the two files. The entry point sets it for the workers.
VARIABLE = "LGBM_TOOLKIT_LOCKS"
_SERVING = "serving"
_BUSY = "busy"


class WorkerLocks:
    """The two locks of one worker."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Open the two files. Without the environment variable, do not lock anything."""
        folder = environment.get(VARIABLE)
        self._serving, self._busy = (
            None if folder is None else _open(Path(folder, name)) for name in (_SERVING, _BUSY)
        )

    def hold_serving(self) -> None:
        """Hold the lock on `serving` until the process ends."""
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
    """The locks of all workers, as the entry point sees them. `folder` is for the two files."""

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
