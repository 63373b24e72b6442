"""Load LightGBM as the training program does.

If a system library is missing, print how to install it. PYTHONPATH must contain `containers/runtime`.
"""

import sys

from lgbm_runtime.core.lightgbm_library import LibraryError, import_lightgbm

try:
    import_lightgbm()
except LibraryError as error:
    sys.exit(f"error: {error}")
