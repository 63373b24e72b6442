"""Python runs this at its start where the folder is on PYTHONPATH: it tells what a process imported and whom it called.

Into the folder WATCH_FOLDER, as JSON in a file for each process: its `arguments`, its `modules`, and the `addresses` that
it connected to or asked a name server for.
"""

import atexit
import json
import os
import sys
from pathlib import Path
from typing import Any

addresses: list[Any] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        addresses.append(arguments[1])
    elif event == "socket.getaddrinfo":
        addresses.append(arguments[:2])


def tell() -> None:
    told = {"arguments": sys.argv[1:], "modules": sorted(sys.modules), "addresses": addresses}
    Path(os.environ["WATCH_FOLDER"], f"{os.getpid()}.json").write_text(json.dumps(told, default=repr))


sys.addaudithook(watch)
atexit.register(tell)
