"""The image's entry point: `start.py train | serve`.

It is started with SIGTERM and SIGINT blocked. Process 1 does not receive a signal without a handler, and Python needs
about 20 ms before it can set one. A blocked signal is kept until then.
"""

from __future__ import annotations

import os
import signal
import sys

# 143 is the program's exit code for a training that was stopped before there was a model
_EXIT_CODES = {"serve": 0, "train": 143}


def _end_at_once(*_: object) -> None:
    os._exit(_EXIT_CODES.get(sys.argv[1] if len(sys.argv) > 1 else "", 1))


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_at_once)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))

    from lgbm_runtime.__main__ import main

    sys.exit(main(sys.argv[1:]))
