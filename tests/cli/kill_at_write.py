"""Kill a command with SIGKILL before or after its Nth write of the record.

Python's audit events tell of the write: `os.rename` is raised before a file is replaced, and whatever
event comes next is the first sign of life after it.
"""

import atexit
import os
import signal
import sys
from typing import Any


def kill_at_write(wanted: int, moment: str) -> None:
    """From now on, in this process."""
    writes: list[str] = []

    def kill_after_write() -> None:
        if moment == "after" and len(writes) == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.kill":  # our own
            return
        kill_after_write()
        if event == "os.rename" and str(arguments[1]).endswith("record.json"):
            writes.append(str(arguments[1]))
            if moment == "before" and len(writes) == wanted:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    atexit.register(kill_after_write)  # no event may come after the last write
