"""The versions that matter when something is to be reproduced."""

import platform
from importlib import metadata

from lgbm_sm import __version__

_PACKAGES = ("lightgbm", "sagemaker-core")


def version_lines() -> list[str]:
    """One `name version` a line, without importing what is asked."""
    found = [f"{name} {metadata.version(name)}" for name in _PACKAGES]
    return [f"lgbm-sm {__version__}", f"python {platform.python_version()} ({platform.platform()})", *found]
