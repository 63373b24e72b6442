"""Loads LightGBM as the program does and, where a system library is missing, names the remedy.

Needs `containers/runtime` in PYTHONPATH.
"""

import sys

from lgbm_runtime.core.lightgbm_library import LibraryError, import_lightgbm

try:
    import_lightgbm()
except LibraryError as error:
    sys.exit(f"error: {error}")
