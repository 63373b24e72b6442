"""SIGTERM and SIGINT during a training: what is loading is broken off, what is boosting ends after its iteration."""

from __future__ import annotations

import signal
from types import FrameType


class StopRequestedError(BaseException):
    """The training was asked to stop before there was a model to save.

    No Exception, as KeyboardInterrupt is none: it can arise in the middle of other people's code.
    """


class StopSignal:
    """Remembers that a stop was requested; raises StopRequestedError on the spot until `defer` is called."""

    def __init__(self) -> None:
        self.requested = False
        self._interrupts = True

    def install(self) -> None:
        """Takes over SIGTERM (a process with id 1 ignores it otherwise) and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self._interrupts:
            self._interrupts = False
            raise StopRequestedError

    def defer(self) -> None:
        """From now on a stop is only remembered.

        Raises StopRequestedError when there was one already: what arises within a callback of a C library is lost.
        """
        self._interrupts = False
        if self.requested:
            raise StopRequestedError
