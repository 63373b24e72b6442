"""`python -m lgbm_toolkit serve`: the image's entry point."""

import os
import signal

# before all other imports: SIGTERM can arrive at any moment
for _number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(_number, lambda *_: os._exit(0))

import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from lgbm_toolkit.serving import serve  # noqa: E402

_MODEL_PATH = Path("/opt/ml/model")


def main(arguments: list[str]) -> int:
    """Run the command. Return the exit code."""
    if arguments != ["serve"]:
        print(
            f"error: this image can only serve; run it with the argument serve, got {' '.join(arguments)!r}",
            file=sys.stderr,
        )
        return 2
    return serve(_MODEL_PATH, os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
