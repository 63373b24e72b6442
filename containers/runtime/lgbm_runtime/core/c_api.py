"""LightGBM's C API, as far as serving needs it: https://lightgbm.readthedocs.io/en/latest/C-API.html.

The package `lightgbm` is found, not imported: with what it imports itself, that takes longer than all the rest of a
server's start, and one prediction through it ten times as long as the library's own.
"""

from __future__ import annotations

import ctypes
import importlib.util
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import numpy as np

from lgbm_runtime.core.lightgbm_library import LibraryError, loading_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What a prediction is to consist of: C_API_PREDICT_* in c_api.h.
NORMAL = 0
RAW_SCORE = 1
LEAF_INDEX = 2
CONTRIBUTIONS = 3

# The functions below have had these arguments from 3.0 on. Seen to predict the same: 3.3.5, 4.6.0 and 4.7.0.
_OLDEST, _FIRST_UNKNOWN = (3, 3), (5,)
_FLOAT64 = 1
_ROW_MAJOR = 1
_ALL_TREES = (0, -1)
# The rows of a request are shared out among threads of our own: those of OpenMP burn time where they wait for one
# another, and a process that has started them cannot be forked.
_PARAMETERS = b"num_threads=1"

_int_p = ctypes.POINTER(ctypes.c_int)
_int64_p = ctypes.POINTER(ctypes.c_int64)
_handle_p = ctypes.POINTER(ctypes.c_void_p)
_INT, _POINTER = ctypes.c_int, ctypes.c_void_p
_SIGNATURES = {
    "LGBM_BoosterLoadModelFromString": [ctypes.c_char_p, _int_p, _handle_p],
    "LGBM_BoosterFree": [_POINTER],
    "LGBM_BoosterCalcNumPredict": [_POINTER, _INT, _INT, _INT, _INT, _int64_p],
    "LGBM_BoosterPredictForMat": [
        *(_POINTER, _POINTER, _INT, ctypes.c_int32, ctypes.c_int32, _INT, _INT, _INT, _INT, ctypes.c_char_p),
        *(_int64_p, _POINTER),
    ],
    "LGBM_BoosterPredictForMatSingleRowFastInit": [
        *(_POINTER, _INT, _INT, _INT, _INT, ctypes.c_int32, ctypes.c_char_p, _handle_p),
    ],
    "LGBM_BoosterPredictForMatSingleRowFast": [_POINTER, _POINTER, _POINTER, _POINTER],
    "LGBM_FastConfigFree": [_POINTER],
}


class CallError(Exception):
    """A function of LightGBM's library failed; the message is the library's."""


class Library:
    """LightGBM's shared library. The functions release the GIL, but for that of a single row."""

    def __init__(self, path: Path) -> None:
        """Raises LibraryError where it cannot be loaded."""
        try:
            self._releasing, self._holding = ctypes.CDLL(str(path)), ctypes.PyDLL(str(path))
        except OSError as error:
            raise loading_error(error) from error
        for library in (self._releasing, self._holding):
            library.LGBM_GetLastError.restype = ctypes.c_char_p
            for name, arguments in _SIGNATURES.items():
                getattr(library, name).argtypes = arguments
        # two microseconds: less than it takes to get the GIL back from a thread that computes
        self.predict_row = self._holding.LGBM_BoosterPredictForMatSingleRowFast

    def call(self, name: str, *arguments: object) -> None:
        """Raises CallError."""
        if getattr(self._releasing, name)(*arguments) != 0:
            raise self.last_error()

    def last_error(self) -> CallError:
        """What the library says of the last failure in this thread."""
        return CallError(self._releasing.LGBM_GetLastError().decode("utf-8", "replace"))


def load_library() -> Library:
    """The library of the package `lightgbm`.

    Raises ModuleNotFoundError where there is no such package, LibraryError where it has no library that can be loaded
    or is of a version whose C API is not known.
    """
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'lightgbm'", name="lightgbm")
    package = Path(next(iter(spec.submodule_search_locations)))
    _check_version(package / "VERSION.txt")
    candidates = [package / folder / f"lib_lightgbm{suffix}" for folder in ("lib", "") for suffix in (".so", ".dylib")]
    for path in candidates:
        if path.is_file():
            return Library(path)
    raise LibraryError(f"{package} has no lib_lightgbm.so: install the wheel from PyPI (pip install lightgbm)")


def _check_version(path: Path) -> None:
    try:
        version = path.read_text(encoding="ascii").strip()
        numbers = tuple(int(part) for part in version.split(".")[:2])
    except (OSError, ValueError) as error:
        raise LibraryError(f"the version of LightGBM cannot be read from {path}: {error}") from error
    if not _OLDEST <= numbers < _FIRST_UNKNOWN:
        raise LibraryError(f"LightGBM {version} has a C API that is not known here: install lightgbm>=3.3.5,<5")


class Model:
    """A model in the library's memory, whose rows have `width` features. May be used by several threads at once."""

    def __init__(self, library: Library, text: str, width: int) -> None:
        """Raises CallError where the library does not take the text for a model."""
        self._library = library
        self._width = width
        self._handle, self._row_config = ctypes.c_void_p(), ctypes.c_void_p()
        iterations = ctypes.c_int()
        library.call(
            "LGBM_BoosterLoadModelFromString", text.encode(), ctypes.byref(iterations), ctypes.byref(self._handle)
        )
        # callable as long as the model lives
        self.predict_row = self._row_predictor()

    def __del__(self) -> None:
        if self._row_config.value is not None:
            self._library.call("LGBM_FastConfigFree", self._row_config)
        if self._handle.value is not None:
            self._library.call("LGBM_BoosterFree", self._handle)

    def predict(self, matrix: NDArray[np.float64], kind: int) -> NDArray[np.float64]:
        """(rows, values) for C-contiguous (rows, features), computed in the calling thread. Raises CallError."""
        rows = len(matrix)
        length = ctypes.c_int64()
        self._library.call("LGBM_BoosterCalcNumPredict", self._handle, rows, kind, *_ALL_TREES, ctypes.byref(length))
        result = np.empty((rows, length.value // rows))
        self._library.call(
            "LGBM_BoosterPredictForMat",
            self._handle,
            matrix.ctypes.data,
            _FLOAT64,
            rows,
            self._width,
            _ROW_MAJOR,
            kind,
            *_ALL_TREES,
            _PARAMETERS,
            ctypes.byref(length),
            result.ctypes.data,
        )
        return result

    def _row_predictor(self) -> Callable[[array[float]], list[float]]:
        """A function from a row's features to what NORMAL is for it, several values where there are several classes."""
        config, length = self._row_config, ctypes.c_int64()
        self._library.call("LGBM_BoosterCalcNumPredict", self._handle, 1, NORMAL, *_ALL_TREES, ctypes.byref(length))
        self._library.call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle,
            NORMAL,
            *_ALL_TREES,
            _FLOAT64,
            self._width,
            _PARAMETERS,
            ctypes.byref(config),
        )
        values_type = ctypes.c_double * length.value
        predict, library = self._library.predict_row, self._library
        # the library writes the number of values to it, which is the same each time
        length_reference = ctypes.byref(length)

        def predict_row(row: array[float]) -> list[float]:
            values = values_type()
            if predict(config, row.buffer_info()[0], length_reference, values) != 0:
                raise library.last_error()
            return values[:]

        return predict_row
