"""Pieces of channel files read on all processors, and handed out in their order."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from lgbm_runtime.training.failure import TrainingError

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

# Below this a second process costs more than it saves.
_BYTES_WORTH_PROCESSES = 1 << 24
_MOST_PROCESSES = 8
# Pieces under way for each process: one that is read and one that waits, so that memory stays small.
_AHEAD = 2

Result = TypeVar("Result")


class PieceReader:
    """Calls a function for one piece after the other, in other processes where there is much to read.

    Python reads numbers on one processor only. The processes are made with fork, which is safe as long as this one has
    a single thread: before numpy and LightGBM are loaded.
    """

    def __init__(self, size: int, processors: int) -> None:
        """`size` is that of all the files, in bytes."""
        processes = min(processors, _MOST_PROCESSES)
        self._pool: ProcessPoolExecutor | None = None
        self._ahead = _AHEAD * processes
        if processes > 1 and size >= _BYTES_WORTH_PROCESSES:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            self._pool = ProcessPoolExecutor(processes, get_context("fork"), _begin)
            # the first call starts them all
            self._pool.submit(_load)

    def close(self) -> None:
        """Ends the processes; calls that none of them has begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable[..., Result], calls: Iterable[tuple[Any, ...]]) -> Iterator[Result]:
        """The results of the calls with these arguments, in their order.

        Raises what the function raises, and TrainingError where a process was killed, as it is for want of memory.
        """
        if self._pool is None:
            for arguments in calls:
                yield function(*arguments)
            return
        from concurrent.futures.process import BrokenProcessPool

        under_way: deque[Future[Result]] = deque()
        try:
            for arguments in calls:
                under_way.append(self._pool.submit(function, *arguments))
                if len(under_way) >= self._ahead:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool as error:
            raise TrainingError("a process that read the channels was killed: the memory may not suffice") from error


def _begin() -> None:
    # the process that started this one decides when to stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _load() -> None:
    import lgbm_runtime.training.channel_rows  # noqa: F401 - while the process that started this one checks the parameters
