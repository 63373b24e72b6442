"""SIGTERM and SIGINT during a training.

They interrupt the loading, and end boosting after the current iteration.
"""

from __future__ import annotations

import signal
from types import FrameType


class StopRequestedError(BaseException):
    """The training was stopped before there was a model to save.

    Not an Exception, like KeyboardInterrupt: it can be raised anywhere in a library, which must not catch it.
    """


class StopSignal:
    """Records that a stop was requested.

    Until `defer` is called, a stop also raises StopRequestedError immediately.
    """

    def __init__(self) -> None:
        self.requested = False
        self._interrupts = True

    def install(self) -> None:
        """Handle SIGTERM, which process 1 otherwise ignores, and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self._interrupts:
            self._interrupts = False
            raise StopRequestedError

    def defer(self) -> None:
        """From now on, only record a stop.

        Raises StopRequestedError if there was one already, since an exception in a callback of a C library is lost.
        """
        self._interrupts = False
        if self.requested:
            raise StopRequestedError
