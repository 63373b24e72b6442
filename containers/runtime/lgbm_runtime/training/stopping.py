"""Handle SIGTERM and SIGINT during a training.

A signal interrupts the reading of data at once. It ends boosting after the current iteration.
"""

from __future__ import annotations

import signal
from types import FrameType


class StopRequestedError(BaseException):
    """The training was stopped before there was a model to save.

    Like KeyboardInterrupt, it is not an Exception. It may be raised inside a library, and a library that catches
    Exception must not catch it.
    """


class StopSignal:
    """Records that a signal has requested a stop.

    Before `defer` is called, a signal also raises StopRequestedError at once.
    """

    def __init__(self) -> None:
        self.requested = False
        self._interrupts = True

    def install(self) -> None:
        """Set the handlers of SIGTERM and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self._interrupts:
            self._interrupts = False
            raise StopRequestedError

    def defer(self) -> None:
        """From now on, only record a stop.

        An exception would be lost in a callback of LightGBM's C library. Raises StopRequestedError if a stop was
        requested before this call.
        """
        self._interrupts = False
        if self.requested:
            raise StopRequestedError
