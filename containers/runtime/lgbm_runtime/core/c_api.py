"""The part of LightGBM's C API that serving needs.

See https://lightgbm.readthedocs.io/en/latest/C-API.html. The server does not import the package `lightgbm`, for two
reasons. The import takes longer than the rest of the server's start. And one prediction takes ten times as long through
the package as through the library.
"""

from __future__ import annotations

import ctypes
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import numpy as np

from lgbm_runtime.core.lightgbm_library import find_library, open_library

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The kinds of prediction: C_API_PREDICT_* in c_api.h.
NORMAL = 0
RAW_SCORE = 1
LEAF_INDEX = 2
CONTRIBUTIONS = 3

_FLOAT64 = 1
_ROW_MAJOR = 1
_ALL_TREES = (0, -1)
# booster.py has its own threads for the rows of a request. LightGBM must not use OpenMP's threads: they use the
# processor while they wait for one another, and a process that has started them cannot fork.
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
    """A function of LightGBM's library failed. The message comes from the library."""


class Library:
    """LightGBM's shared library.

    All functions except `predict_row` release the GIL.
    """

    def __init__(self, path: Path) -> None:
        """Load the library. Raises LibraryError."""
        self._releasing, self._holding = open_library(path), open_library(path, ctypes.PyDLL)
        for library in (self._releasing, self._holding):
            for name, arguments in _SIGNATURES.items():
                getattr(library, name).argtypes = arguments
        # one row takes two microseconds, less than the time to get the GIL back from another thread
        self.predict_row = self._holding.LGBM_BoosterPredictForMatSingleRowFast

    def call(self, name: str, *arguments: object) -> None:
        """Call a function. Raises CallError if it fails."""
        if getattr(self._releasing, name)(*arguments) != 0:
            raise self.last_error()

    def last_error(self) -> CallError:
        """Return the library's error for the last failure in this thread."""
        return CallError(self._releasing.LGBM_GetLastError().decode("utf-8", "replace"))


def load_library() -> Library:
    """Load the shared library of the package `lightgbm`.

    Raises ModuleNotFoundError if the package is not installed, and LibraryError if the library cannot be loaded.
    """
    return Library(find_library().path)


class Model:
    """A model that LightGBM's library has loaded, for rows of `width` features.

    Several threads may use it at once.
    """

    def __init__(self, library: Library, text: str, width: int) -> None:
        """Load the text of a model. Raises CallError if the library rejects the text."""
        self._library = library
        self._width = width
        self._handle, self._row_config = ctypes.c_void_p(), ctypes.c_void_p()
        iterations = ctypes.c_int()
        library.call(
            "LGBM_BoosterLoadModelFromString", text.encode(), ctypes.byref(iterations), ctypes.byref(self._handle)
        )
        # valid as long as the model is loaded
        self.predict_row = self._row_predictor()

    def __del__(self) -> None:
        if self._row_config.value is not None:
            self._library.call("LGBM_FastConfigFree", self._row_config)
        if self._handle.value is not None:
            self._library.call("LGBM_BoosterFree", self._handle)

    def predict(self, matrix: NDArray[np.float64], kind: int) -> NDArray[np.float64]:
        """Compute the values of each row in the calling thread.

        `matrix` is C-contiguous and has the shape (rows, features). The result has the shape (rows, values). Raises
        CallError.
        """
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
        """Return a function that computes the NORMAL prediction of one row.

        Its argument holds the features of the row. Its result is a list of one value, or of one value per class.
        """
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
        # the library writes the number of values here; the number is always the same
        length_reference = ctypes.byref(length)

        def predict_row(row: array[float]) -> list[float]:
            values = values_type()
            if predict(config, row.buffer_info()[0], length_reference, values) != 0:
                raise library.last_error()
            return values[:]

        return predict_row
