"""The moment at which a command is killed: so many seconds after its start, or at its Nth event.

An event is what Python's audit hooks tell of changes to files, of programs started and of requests sent.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TypedDict

_EVENTS = frozenset(
    {
        *("os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate"),
        *("os.utime", "os.kill", "fcntl.flock", "subprocess.Popen", "socket.connect", "http.client.send"),
    }
)


class Moment(TypedDict, total=False):
    """`seconds` or `event` end the process; `count` is a file that gets the number of events at its end."""

    seconds: float
    event: int
    count: str


def watch(moment: Moment) -> None:
    """From now on, in this process."""
    if "seconds" in moment:
        timer = threading.Timer(moment["seconds"], _die)
        timer.daemon = True
        timer.start()
        return
    seen = 0
    last = moment.get("event", 0)

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in _EVENTS or (event == "open" and _changes(arguments[2])):
            seen += 1
            if seen == last:
                _die()

    sys.addaudithook(note)
    if "count" in moment:
        path = moment["count"]
        atexit.register(lambda: Path(path).write_text(str(seen)))


def _changes(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
