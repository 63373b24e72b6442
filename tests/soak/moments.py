"""The moment at which a command is killed: a time after its start, or its Nth event.

Events are changes of files, starts of programs and requests. Python's audit hooks report them.
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
    """The moment. `seconds` or `event` ends the process.

    `count` is a file. At the end of the process, the number of events is written to it.
    """

    seconds: float
    event: int
    count: str


def watch(moment: Moment) -> None:
    """Watch this process from now on."""
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
