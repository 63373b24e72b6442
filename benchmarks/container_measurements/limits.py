"""A bound on everything that could hang: the engine's builds, say, have no time-out of their own."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TimeLimitError(Exception):
    """Something took longer than it may."""


@contextmanager
def at_most(seconds: float, what: str) -> Iterator[None]:
    """Break off what runs longer; only in the main thread, and not one inside the other.

    Raises:
        TimeLimitError: it did.
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
