"""Call the compiled part of the program (native/*.c) through ctypes.

The compiled code only makes the program faster. Without it, Python computes the same results.
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

# The environment variable with the path of the compiled file. By default the file is next to this module.
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
    """The functions of native/*.c. Their comments in the C files describe them.

    The functions for one row keep the GIL, because they take only microseconds. The others release it.
    """

    def __init__(self, path: Path) -> None:
        """Load the compiled file. Raises OSError if that fails."""
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
        # These two have no argtypes, because argtypes would double the time of a call. The arguments are a pointer to a
        # NativeForest, bytes and an int.
        self.predict_line, self.predict_value = holding.predict_line, holding.predict_value
        self.predict_value.restype = ctypes.c_double

    def read_numbers(self, table: bytes, width: int) -> NDArray[np.float64] | None:
        """Return the numbers of a CSV table as an array of the shape (rows, width).

        The numbers are bit-identical to those of Python's float(). An empty cell is NaN. Lines end with LF or CRLF, and
        the last line break may be missing. Returns None if a line does not have `width` cells, or if a cell is neither
        empty nor a finite number.
        """
        length = _length(table)
        matrix = np.empty((table.count(b"\n", 0, length) + 1, width))
        if not self._read_numbers(table, length, *matrix.shape, matrix.ctypes.data):
            return None
        return matrix

    def read_row(self, table: bytes, width: int) -> array[float] | None:
        """Return the numbers of a table that has only one line, or None as in `read_numbers`."""
        row = array("d", bytes(8 * width))
        return row if self._read_row(table, _length(table), 1, width, row.buffer_info()[0]) else None


def _length(table: bytes) -> int:
    """Return the length of the table without the last line break."""
    if table.endswith(b"\r\n"):
        return len(table) - 2
    return len(table) - table.endswith(b"\n")


@lru_cache(maxsize=1)
def native_code() -> NativeCode | None:
    """Load the compiled file. Return None if the file does not exist or cannot be loaded.

    If the file exists but cannot be loaded, print the reason on stderr.
    """
    path = Path(os.environ.get(VARIABLE) or Path(__file__).with_name(_FILE))
    if not path.is_file():
        return None
    try:
        return NativeCode(path)
    except OSError as error:
        print(f"{path} cannot be loaded; continuing without compiled code: {error}", file=sys.stderr, flush=True)
        return None
