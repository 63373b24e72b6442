"""The package `orjson`, or None in images that lack it, such as the XGBoost image.

It only makes JSON faster.
"""

from __future__ import annotations

import importlib.util

orjson = importlib.import_module("orjson") if importlib.util.find_spec("orjson") else None
