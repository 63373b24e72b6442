"""Follow the log of a program on this machine."""

import time
from collections.abc import Callable, Iterator

_PAUSE_SECONDS = 0.2


def follow_growing(read: Callable[[], bytes], is_running: Callable[[], bool], *, follow: bool) -> Iterator[bytes]:
    """Yield the log; with `follow`, also what is added until the program ends."""
    length = 0
    while True:
        running = follow and is_running()
        log = read()
        yield log[length:]
        length = len(log)
        if not running:
            return
        time.sleep(_PAUSE_SECONDS)
