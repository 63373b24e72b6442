"""The package `orjson` where it is installed, as in our images, else None, as in AWS's: it is only ever quicker."""

from __future__ import annotations

import importlib.util

orjson = importlib.import_module("orjson") if importlib.util.find_spec("orjson") else None
