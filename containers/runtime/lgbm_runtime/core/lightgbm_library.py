"""The one place that imports the package `lightgbm`."""

from __future__ import annotations

import sys
from types import ModuleType

# What LightGBM's compat.py, plotting.py and dask.py try to import. The image has none of them; where they are
# installed, scikit-learn and pandas cost three seconds of each start.
_COMPANIONS = (
    "cffi",
    "dask",
    "distributed",
    "graphviz",
    "matplotlib",
    "pandas",
    "pyarrow",
    "sklearn",
)


class LibraryError(Exception):
    """LightGBM's shared library, or one that it needs, cannot be loaded; the message has the remedy if known."""


def import_lightgbm() -> ModuleType:
    """The module `lightgbm`, imported without its optional companions.

    They are hidden from its import only: a companion that was imported before stays as it was, one that is imported
    afterwards works. A `lightgbm` that was imported before is returned as it is. Raises ImportError and LibraryError.
    """
    hidden = [name for name in _COMPANIONS if name not in sys.modules]
    for name in hidden:
        # None makes an import raise ModuleNotFoundError
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        import lightgbm
    except OSError as error:
        raise loading_error(error) from error
    finally:
        for name in hidden:
            del sys.modules[name]
    return lightgbm


def loading_error(error: OSError) -> LibraryError:
    """For what the loader of shared libraries says."""
    return LibraryError(f"LightGBM cannot be loaded: {error}{_remedy(str(error))}")


def _remedy(message: str) -> str:
    """What to do about the loader's message; empty where nothing is known.

    Linux says `libgomp.so.1: cannot open shared object file: No such file or directory`, macOS `Library not loaded:
    @rpath/libomp.dylib` (older wheels with a Homebrew path in place of @rpath).
    """
    if "libgomp" in message:
        return "; install OpenMP: sudo apt install libgomp1 (Debian, Ubuntu) or sudo dnf install libgomp (Fedora)"
    if "libomp" in message:
        return "; install OpenMP: brew install libomp"
    return ""
