"""Hyperparameters that the container refuses, and keys that are not for LightGBM.

`refused_parameters.json` maps each reason to LightGBM's main names of parameters (docs/Parameters.rst). `lgbm-sm` reads
the same file. All other parameters are passed to LightGBM.
"""

from __future__ import annotations

import json
from pathlib import Path

_FILE = Path(__file__).with_name("refused_parameters.json")

REFUSED: dict[str, str] = {
    name: reason for reason, names in json.loads(_FILE.read_text(encoding="utf-8")).items() for name in names
}

# The SDK's estimators (`sagemaker_program`, `sagemaker_region`, ...) and the tuner add these keys to every job.
PLATFORM_PREFIX = "sagemaker_"
PLATFORM_KEYS = frozenset({"_tuning_objective_metric"})


def is_platform_key(key: str) -> bool:
    """Return whether SageMaker or its SDK added the key."""
    return key.startswith(PLATFORM_PREFIX) or key in PLATFORM_KEYS
