"""Run commands, each in a new process that is forked from this one after all imports.

Usage: python fork_server.py

A request is a line of JSON on stdin. It has `arguments`, `folder`, `environment` (complete), and `output`: the paths of
two files to which stdout and stderr are appended. It may have `kill`: a number and `before` or `after`. Then SIGKILL
ends the command before or after this write of the record. It may have `moment` instead, which tests/soak/moments.py
describes.

The answers are lines of JSON on stdout: first the `pid`, then the exit `code` in the form of subprocess.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import sys
import threading
from typing import Any, NoReturn

from lgbm_sm.cli import main
from tests.cli.kill_at_write import kill_at_write
from tests.soak.moments import watch

# what the commands import when they need it
MODULES = (
    *(
        "boto3",
        "docker",
        "lgbm_sm.cleanup",
        "lgbm_sm.train",
        "lgbm_sm.lifecycle",
        "lgbm_sm.predict",
        "lgbm_sm.commands.views",
    ),
    *("sagemaker.core.resources", "s3transfer"),
)


def run(request: dict[str, Any]) -> NoReturn:
    """Run the command in the child process."""
    # a shell may have started the tests in the background, where an interrupt is ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for descriptor, path in enumerate(request["output"], 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]
    if request.get("kill"):
        kill_at_write(*request["kill"])
    if request.get("moment"):
        watch(request["moment"])
    try:
        main()
    except SystemExit as ended:
        end(int(ended.code or 0))


def end(code: int) -> NoReturn:
    """End the process without freeing its memory, which would take a second."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve() -> None:
    for module in MODULES:
        __import__(module)
    # the children look through what they have made themselves
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            run(request)
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    serve()
