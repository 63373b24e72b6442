"""A time limit for operations that have none of their own, such as Docker's builds."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TimeLimitError(Exception):
    """An operation exceeded its time limit."""


@contextmanager
def at_most(seconds: float, what: str) -> Iterator[None]:
    """Stop the block after `seconds`. Use this only in the main thread, and do not nest it.

    Raises:
        TimeLimitError: the block took longer.
    """

    def expire(_number: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(f"{what} took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
