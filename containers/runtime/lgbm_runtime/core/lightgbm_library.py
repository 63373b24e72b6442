"""Find, load and import LightGBM."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

# The functions that serving calls have had the same arguments from 3.3 on. Predictions of 3.3.5, 4.6.0 and 4.7.0 were
# compared and are equal.
_OLDEST, _FIRST_UNKNOWN = (3, 3), (5,)
# The optional imports of LightGBM's compat.py, plotting.py and dask.py. The image has none of them. If they are
# installed, scikit-learn and pandas take three seconds of each start.
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
    """LightGBM's shared library, or one that it needs, cannot be loaded.

    The message has the remedy if it is known.
    """


class SharedLibrary(NamedTuple):
    """The shared library of the installed package `lightgbm`."""

    path: Path
    version: str


def find_library() -> SharedLibrary:
    """Find the library without importing the package.

    Raises ModuleNotFoundError if the package is not installed, LibraryError if it has no library or a version whose C
    API is not known.
    """
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'lightgbm'", name="lightgbm")
    package = Path(next(iter(spec.submodule_search_locations)))
    version = _checked_version(package / "VERSION.txt")
    candidates = [package / folder / f"lib_lightgbm{suffix}" for folder in ("lib", "") for suffix in (".so", ".dylib")]
    for path in candidates:
        if path.is_file():
            return SharedLibrary(path, version)
    raise LibraryError(f"{package} has no lib_lightgbm.so: install the wheel from PyPI (pip install lightgbm)")


def open_library(path: Path, loader: type[ctypes.CDLL] = ctypes.CDLL) -> ctypes.CDLL:
    """Load the library; with `ctypes.PyDLL` its functions keep the GIL. Raises LibraryError."""
    try:
        library = loader(str(path))
    except OSError as error:
        raise _loading_error(error) from error
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def import_lightgbm() -> ModuleType:
    """Import the package `lightgbm` without its optional companions.

    They are hidden during this import only: other imports of a companion, before or after it, work. If `lightgbm` is
    already imported, it is returned unchanged. Raises ImportError and LibraryError.
    """
    hidden = [name for name in _COMPANIONS if name not in sys.modules]
    for name in hidden:
        # None makes an import raise ModuleNotFoundError
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        import lightgbm
    except OSError as error:
        raise _loading_error(error) from error
    finally:
        for name in hidden:
            del sys.modules[name]
    return lightgbm


def _checked_version(path: Path) -> str:
    try:
        version = path.read_text(encoding="ascii").strip()
        numbers = tuple(int(part) for part in version.split(".")[:2])
    except (OSError, ValueError) as error:
        raise LibraryError(f"the version of LightGBM cannot be read from {path}: {error}") from error
    if not _OLDEST <= numbers < _FIRST_UNKNOWN:
        raise LibraryError(f"LightGBM {version} is not supported: install lightgbm>=3.3.5,<5")
    return version


def _loading_error(error: OSError) -> LibraryError:
    return LibraryError(f"LightGBM cannot be loaded: {error}{_remedy(str(error))}")


def _remedy(message: str) -> str:
    """Return the remedy for the loader's message, or an empty text.

    Linux reports `libgomp.so.1: cannot open shared object file: No such file or directory`, macOS `Library not loaded:
    @rpath/libomp.dylib` (older wheels have a Homebrew path instead of @rpath).
    """
    if "libgomp" in message:
        return "; install OpenMP: sudo apt install libgomp1 (Debian, Ubuntu) or sudo dnf install libgomp (Fedora)"
    if "libomp" in message:
        return "; install OpenMP: brew install libomp"
    return ""
