"""Read the chunks of channel files on all processors, and return them in their order."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from lgbm_runtime.training.failure import TrainingError

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

# For files smaller than this, to start processes takes longer than to read without them.
_BYTES_WORTH_PROCESSES = 1 << 24
_MOST_PROCESSES = 8
# Each process has at most two chunks, one in work and one waiting, so that they need little memory.
_AHEAD = 2

Result = TypeVar("Result")


class ChunkReader:
    """Calls a function for each chunk. If the files are large, several processes do the work.

    They are needed because one Python process reads numbers on one processor only. Create the object before numpy and
    LightGBM are loaded: it forks processes, which is safe only while this process has a single thread.
    """

    def __init__(self, size: int, processors: int) -> None:
        """`size` is the total size of all files in bytes."""
        processes = min(processors, _MOST_PROCESSES)
        self._pool: ProcessPoolExecutor | None = None
        self._ahead = _AHEAD * processes
        if processes > 1 and size >= _BYTES_WORTH_PROCESSES:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            self._pool = ProcessPoolExecutor(processes, get_context("fork"), _begin)
            # the first call starts all processes
            self._pool.submit(_load)

    def close(self) -> None:
        """End the processes. Drop the calls that have not begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable[..., Result], calls: Iterable[tuple[Any, ...]]) -> Iterator[Result]:
        """Call the function with each element of `calls`, and yield the results in the same order.

        Raises the exceptions of the function. Raises TrainingError if a process was killed, for example because the
        memory was full.
        """
        if self._pool is None:
            for arguments in calls:
                yield function(*arguments)
            return
        from concurrent.futures.process import BrokenProcessPool

        in_progress: deque[Future[Result]] = deque()
        try:
            for arguments in calls:
                in_progress.append(self._pool.submit(function, *arguments))
                if len(in_progress) >= self._ahead:
                    yield in_progress.popleft().result()
            while in_progress:
                yield in_progress.popleft().result()
        except BrokenProcessPool as error:
            raise TrainingError(
                "a process that read the channels was killed, probably because the memory was full"
            ) from error


def _begin() -> None:
    # this process ignores Ctrl-C, because the parent process decides when to stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _load() -> None:
    import lgbm_runtime.training.channel_rows  # noqa: F401 - loaded while the parent process checks the parameters
