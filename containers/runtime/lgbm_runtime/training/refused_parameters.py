"""Hyperparameters that the container refuses, and those that are not meant for LightGBM.

`refused_parameters.json` lists LightGBM's own names (docs/Parameters.rst), not aliases, by the reason. `lgbm-sm` reads
the same file. Every other parameter goes to LightGBM.
"""

from __future__ import annotations

import json
from pathlib import Path

_FILE = Path(__file__).with_name("refused_parameters.json")

REFUSED: dict[str, str] = {
    name: reason for reason, names in json.loads(_FILE.read_text(encoding="utf-8")).items() for name in names
}

# What the SDK's estimators (`sagemaker_program`, `sagemaker_region`, ...) and the tuner add to every job.
PLATFORM_PREFIX = "sagemaker_"
PLATFORM_KEYS = frozenset({"_tuning_objective_metric"})


def is_platform_key(key: str) -> bool:
    """Return whether SageMaker or its SDK added the key."""
    return key.startswith(PLATFORM_PREFIX) or key in PLATFORM_KEYS
