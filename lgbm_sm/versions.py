"""The versions that are needed to reproduce a result."""

import platform
from importlib import metadata

from lgbm_sm import __version__

_PACKAGES = ("lightgbm", "sagemaker-core")


def versions() -> dict[str, str]:
    """Return the version of each program and package. The packages are not imported."""
    return {
        "lgbm-sm": __version__,
        "python": f"{platform.python_version()} ({platform.platform()})",
        **{name: metadata.version(name) for name in _PACKAGES},
    }
