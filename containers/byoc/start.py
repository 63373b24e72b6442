"""The image's entry point: `start.py train | serve`.

The kernel drops a signal to process 1 if the process has no handler for it, and Python needs about 20 ms before it can
set a handler. So this program starts with SIGTERM and SIGINT blocked. The kernel keeps a blocked signal until the
program unblocks it.
"""

from __future__ import annotations

import os
import signal
import sys

# 143 is also the exit code of a training job that is stopped before it has a model
_EXIT_CODES = {"serve": 0, "train": 143}


def _end_at_once(*_: object) -> None:
    os._exit(_EXIT_CODES.get(sys.argv[1] if len(sys.argv) > 1 else "", 1))


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_at_once)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))

    from lgbm_runtime.__main__ import main

    sys.exit(main(sys.argv[1:]))
