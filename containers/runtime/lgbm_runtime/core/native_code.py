"""The compiled part of the program: native/*.c, called through ctypes.

It only makes the program faster. Without it, or for input that it does not handle, Python computes the same results.
"""

from __future__ import annotations

import ctypes
import os
import sys
from array import array
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Path of the compiled file, if it is not next to this module.
VARIABLE = "LGBM_RUNTIME_NATIVE"
_FILE = "native.so"

_COUNT, _POINTER = ctypes.c_int64, ctypes.c_void_p


class NativeForest(ctypes.Structure):
    """The struct Forest of native/tree_walk.c."""

    _fields_ = [
        *((name, _POINTER) for name in ("nodes", "words", "roots", "row")),
        *((name, _COUNT) for name in ("trees", "classes", "width", "kind")),
        ("sigmoid", ctypes.c_double),
    ]


class NativeCode:
    """The functions of native/*.c, which are described there.

    Those for one row keep the GIL: they take microseconds.
    """

    def __init__(self, path: Path) -> None:
        """Load the file. Raises OSError if that fails."""
        releasing, holding = ctypes.CDLL(str(path)), ctypes.PyDLL(str(path))
        self._read_numbers = releasing.read_numbers
        self._read_row = holding.read_numbers
        for read in (self._read_numbers, self._read_row):
            read.argtypes = [ctypes.c_char_p, _COUNT, _COUNT, _COUNT, _POINTER]
        self.score_rows = releasing.score_rows
        self.score_rows.argtypes = [_POINTER, _POINTER, _COUNT, _POINTER]
        self.transform = holding.transform
        self.transform.argtypes = [_POINTER, _POINTER, _COUNT]
        self.transform.restype = None
        # without argtypes, which would double the time of a call; the arguments are a NativeForest's pointer, bytes and
        # an int
        self.predict_line, self.predict_value = holding.predict_line, holding.predict_value
        self.predict_value.restype = ctypes.c_double

    def read_numbers(self, table: bytes, width: int) -> NDArray[np.float64] | None:
        """Return (rows, width): the table's numbers as float() reads them, NaN for an empty cell.

        Returns None if a line is empty or has anything but `width` finite numbers and empty cells. Lines end with LF or
        CRLF; the last line break may be missing.
        """
        length = _length(table)
        matrix = np.empty((table.count(b"\n", 0, length) + 1, width))
        if not self._read_numbers(table, length, *matrix.shape, matrix.ctypes.data):
            return None
        return matrix

    def read_row(self, table: bytes, width: int) -> array[float] | None:
        """Return the result of `read_numbers` for a table of one line."""
        row = array("d", bytes(8 * width))
        return row if self._read_row(table, _length(table), 1, width, row.buffer_info()[0]) else None


def _length(table: bytes) -> int:
    """Return the length without the line break at the end."""
    if table.endswith(b"\r\n"):
        return len(table) - 2
    return len(table) - table.endswith(b"\n")


@lru_cache(maxsize=1)
def native_code() -> NativeCode | None:
    """Load the compiled file; return None if the file does not exist.

    If it cannot be loaded, a line on stderr gives the reason.
    """
    path = Path(os.environ.get(VARIABLE) or Path(__file__).with_name(_FILE))
    if not path.is_file():
        return None
    try:
        return NativeCode(path)
    except OSError as error:
        print(f"{path} cannot be loaded; continuing without compiled code: {error}", file=sys.stderr, flush=True)
        return None
