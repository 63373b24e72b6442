"""Read the logs of programs: follow a growing log, and return its last lines for an error message."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lgbm_sm.backends import Backend
    from lgbm_sm.record.entries import Endpoint

_PAUSE_SECONDS = 0.2
_LAST_LINES = 10


def follow_growing(read: Callable[[], bytes], is_running: Callable[[], bool], *, follow: bool) -> Iterator[bytes]:
    """Yield the log so far. With `follow`, also yield new bytes until the program ends."""
    length = 0
    while True:
        running = follow and is_running()
        log = read()
        yield log[length:]
        length = len(log)
        if not running:
            return
        time.sleep(_PAUSE_SECONDS)


def last_log_lines(endpoint: "Endpoint", backend: "Backend") -> str:
    """Return the last lines of the server's log for a message. Include the last error if it is further up."""
    lines = backend.read_log(endpoint).decode("utf-8", errors="replace").splitlines()
    causes = [line for line in lines[:-_LAST_LINES] if line.startswith("error: ")]
    return "".join(f"\n  {line}" for line in [*causes[-1:], *lines[-_LAST_LINES:]])
