"""Record the modules that a Python process imports, and the addresses that it contacts.

Python runs this file at its start if its folder is on PYTHONPATH. Each process writes a JSON file into the folder
WATCH_FOLDER. It has the `arguments`, the `modules`, and the `addresses` that the process connected to or looked up.
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
