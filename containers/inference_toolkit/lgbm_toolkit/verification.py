"""Load the model as a worker does, and predict once.

Run it as `python -m lgbm_toolkit.verification MODEL_PATH`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lgbm_runtime.core.errors import ModelError
from lgbm_runtime.core.lightgbm_library import LibraryError
from lgbm_runtime.core.user_code import load_service
from lgbm_toolkit.settings import CANNOT_SERVE, PROVEN, threads_of


def verify(model_path: Path) -> int:
    """Return PROVEN, or print the reason on stderr and return CANNOT_SERVE."""
    try:
        load_service(model_path, os.environ, threads_of(os.environ)).prove()
    except (ModelError, LibraryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return CANNOT_SERVE
    except ModuleNotFoundError as error:
        if error.name != "lightgbm":
            raise
        print(
            "error: LightGBM is not in this image; add it to code/requirements.txt in model.tar.gz, or build the "
            "image with BAKE_LIGHTGBM=1",
            file=sys.stderr,
        )
        return CANNOT_SERVE
    return PROVEN


if __name__ == "__main__":
    exit_code = verify(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    # a normal exit would wait for threads that the user's code has started
    os._exit(exit_code)
