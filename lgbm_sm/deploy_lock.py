"""One deployment to SageMaker at a time in a work folder: each may delete what an earlier one has left."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lgbm_sm.errors import RecordError, TimedOutError
from lgbm_sm.progress import Reporter


@contextmanager
def one_deployment_at_a_time(work_path: Path, rounds: Iterable[float], reporter: Reporter) -> Iterator[None]:
    """Hold the lock of the work folder, which is tried in each of the `rounds`; the kernel frees it with the process.

    Raises:
        TimedOutError: another process still holds it after the last round.
        RecordError: the file system refuses the lock.
    """
    path = work_path / "deploy.lock"
    try:
        work_path.mkdir(parents=True, exist_ok=True)
        with path.open("a+", encoding="utf-8") as file:
            _lock(file.fileno(), path, rounds, reporter)
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield
    except OSError as error:
        if error.filename not in (None, str(path), str(work_path)):  # not about the lock
            raise
        raise RecordError(f"{path} cannot be locked: {error.strerror}", "check the folder's file system") from error


def _lock(descriptor: int, path: Path, rounds: Iterable[float], reporter: Reporter) -> None:
    holder = ""
    for _ in rounds:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not holder:
                holder = f"process {path.read_text(encoding='utf-8').strip() or '(unknown)'}"
                reporter.detail(f"another deployment of this folder is under way ({holder}): waiting until it ends")
        else:
            return
    raise TimedOutError(f"{path} is still held by {holder}", "wait until that deployment ends, or end it")
