"""Loads LightGBM's shared library and, where a system library is missing, names the remedy.

Only the library is loaded: importing the package takes seconds.
"""

import ctypes
import sys
from importlib.util import find_spec
from pathlib import Path

_LIBRARIES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")


def library_path() -> Path:
    """Where the installed package keeps its shared library.

    Raises:
        FileNotFoundError: the package is not installed, or holds no library.
    """
    spec = find_spec("lightgbm")
    for folder in spec.submodule_search_locations or () if spec else ():
        for name in _LIBRARIES:
            for path in (Path(folder) / "lib" / name, Path(folder) / "bin" / name):
                if path.is_file():
                    return path
    raise FileNotFoundError(f"no installed lightgbm holds {' or '.join(_LIBRARIES)}")


def remedy(message: str) -> str:
    """What to do about the loader's message; empty when nothing is known.

    Linux says `libgomp.so.1: cannot open shared object file: No such file or directory`, macOS
    `Library not loaded: @rpath/libomp.dylib` (older wheels with a Homebrew path in place of @rpath).
    """
    if "libgomp" in message:
        return (
            "install the OpenMP library: sudo apt install libgomp1 (Debian, Ubuntu), sudo dnf install libgomp (Fedora)"
        )
    if "libomp" in message:
        return "install the OpenMP library: brew install libomp"
    return ""


def main() -> int:
    try:
        ctypes.CDLL(str(library_path()))
    except OSError as error:
        print(f"error: LightGBM cannot be loaded: {error}", file=sys.stderr)
        hint = remedy(str(error))
        if hint:
            print(f"hint: {hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
