"""Record the calls between the functions of the programs in our images.

Python imports this file when it starts, if the folder of this file is on PYTHONPATH. So the file traces all Python
programs of a container or a process, with their threads and forked workers. Each process writes to its own file in
$LGBM_SM_CALL_TRACE. At the first call between two functions, it adds a JSON line. This file must run on Python 3.8.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType

_FOLDER = os.environ["LGBM_SM_CALL_TRACE"]
_PACKAGES = ("/lgbm_runtime/", "/lgbm_toolkit/")
_FILES = ("/start.py", "/inference.py", "/lgbm_sm_inference.py")
_INSTALLERS = (b"pip", b"setup.py", b"setuptools")
_seen: set[tuple[CodeType, CodeType | None, CodeType | None]] = set()


@lru_cache(maxsize=None)  # noqa: UP033 # Python 3.8 has no functools.cache
def _is_ours(code: CodeType) -> bool:
    # a comprehension or a lambda counts as a part of the function around it
    if code.co_name.startswith("<") and code.co_name != "<module>":
        return False
    path = code.co_filename
    return any(package in path for package in _PACKAGES) or path.endswith(_FILES)


def _function(code: CodeType) -> list[str | int]:
    return [code.co_filename, code.co_name, code.co_firstlineno]


def _record(frame: FrameType, event: str, _: object) -> None:
    code = frame.f_code
    if event != "call" or not _is_ours(code):
        return
    stack: list[list[str | int] | str] = []  # outermost first: our functions, and the names of other packages
    callers: list[CodeType] = []
    above = frame.f_back
    while above is not None:
        if _is_ours(above.f_code):
            callers.append(above.f_code)
            stack.insert(0, _function(above.f_code))
        else:
            stack.insert(0, above.f_globals.get("__name__", "").partition(".")[0])
        above = above.f_back
    key = (code, callers[0] if callers else None, callers[-1] if callers else None)
    if key in _seen:
        return
    _seen.add(key)
    with Path(_FOLDER, str(os.getpid())).open("a") as file:
        file.write(f"{json.dumps({'at': time.time(), 'callee': _function(code), 'stack': stack})}\n")


# do not trace an installation: it makes millions of calls, and none to our functions
if not any(name in Path("/proc/self/cmdline").read_bytes() for name in _INSTALLERS):
    threading.setprofile(_record)
    sys.setprofile(_record)
