"""The package `orjson`, which only makes JSON faster. It is None if it is not installed.

AWS's XGBoost image lacks the package.
"""

from __future__ import annotations

import importlib.util

orjson = importlib.import_module("orjson") if importlib.util.find_spec("orjson") else None
