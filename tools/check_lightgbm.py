"""Load LightGBM as the training program does; if a system library is missing, print how to install it.

Needs `containers/runtime` in PYTHONPATH.
"""

import sys

from lgbm_runtime.core.lightgbm_library import LibraryError, import_lightgbm

try:
    import_lightgbm()
except LibraryError as error:
    sys.exit(f"error: {error}")
