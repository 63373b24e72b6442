"""Kill a command with SIGKILL before or after its Nth write of the record.

Python's audit events show the write. The event `os.rename` comes before the file is replaced. The next event comes
after it.
"""

import atexit
import os
import signal
import sys
from typing import Any


def kill_at_write(wanted: int, moment: str) -> None:
    """Watch the writes of this process from now on."""
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
