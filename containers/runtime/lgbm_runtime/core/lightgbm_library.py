"""Find, load and import LightGBM."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

# Since LightGBM 3.3, the arguments of the functions in c_api.py are unchanged. 3.3.5, 4.6.0 and 4.7.0 gave the same
# predictions in a comparison.
_OLDEST, _FIRST_UNKNOWN = (3, 3), (5,)
# LightGBM imports these packages if they are installed (compat.py, plotting.py and dask.py). Our images lack them.
# Elsewhere, the import of scikit-learn and pandas alone takes three seconds.
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
    """LightGBM's shared library, or a library that it needs, cannot be loaded.

    The message shows how to fix it, if that is known.
    """


class SharedLibrary(NamedTuple):
    """The shared library of the installed package `lightgbm`."""

    path: Path
    version: str


def find_library() -> SharedLibrary:
    """Find the library without importing the package.

    Raises ModuleNotFoundError if the package is not installed. Raises LibraryError if the package has no library, or if
    its version is not supported.
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
    """Load the library. Raises LibraryError.

    With the loader `ctypes.CDLL`, the functions release the GIL. With `ctypes.PyDLL`, they keep it.
    """
    try:
        library = loader(str(path))
    except OSError as error:
        raise _loading_error(error) from error
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def import_lightgbm() -> ModuleType:
    """Import the package `lightgbm` without the optional packages that it would import.

    The optional packages are hidden during this import only. The program can import them before and after it. If
    `lightgbm` is already imported, return it unchanged. Raises ImportError and LibraryError.
    """
    hidden = [name for name in _COMPANIONS if name not in sys.modules]
    for name in hidden:
        # with None, an import of this name raises ModuleNotFoundError
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
    """Return how to fix the error with this message, or an empty text.

    The message on Linux is `libgomp.so.1: cannot open shared object file: No such file or directory`. On macOS it is
    `Library not loaded: @rpath/libomp.dylib`. Older wheels for macOS have a Homebrew path in place of @rpath.
    """
    if "libgomp" in message:
        return "; install OpenMP: sudo apt install libgomp1 (Debian, Ubuntu) or sudo dnf install libgomp (Fedora)"
    if "libomp" in message:
        return "; install OpenMP: brew install libomp"
    return ""
