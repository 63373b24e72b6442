"""Wait for AWS: poll with growing pauses, up to a time limit."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """The pauses between polls. They grow from `first_seconds` to `longest_seconds`."""

    first_seconds: float = 0.25
    longest_seconds: float = 10.0
    growth: float = 1.4
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def rounds(self, timeout_seconds: float) -> Iterator[float]:
        """Yield the seconds since the start: at once, then after each pause. Stop after `timeout_seconds`."""
        started_at = self.clock()
        pause_seconds = self.first_seconds
        while True:
            elapsed_seconds = self.clock() - started_at
            yield elapsed_seconds
            if elapsed_seconds >= timeout_seconds:
                return
            self.sleep(min(pause_seconds, max(0.0, timeout_seconds - elapsed_seconds)))
            pause_seconds = min(pause_seconds * self.growth, self.longest_seconds)
