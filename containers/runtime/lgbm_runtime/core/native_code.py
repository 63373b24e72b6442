"""The compiled part of the program, which is only ever quicker: native/*.c, called through ctypes.

Whatever it cannot do, and everything where it has not been compiled, is done without it, with the same results.
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

# Names the compiled file where it does not lie beside this one.
VARIABLE = "LGBM_RUNTIME_NATIVE"
_FILE = "native.so"

_COUNT, _POINTER = ctypes.c_int64, ctypes.c_void_p


class NativeForest(ctypes.Structure):
    """What native/tree_walk.c calls Forest."""

    _fields_ = [
        *((name, _POINTER) for name in ("nodes", "words", "roots", "row")),
        *((name, _COUNT) for name in ("trees", "classes", "width", "kind")),
        ("sigmoid", ctypes.c_double),
    ]


class NativeCode:
    """The functions, described where they are defined. Those of one row keep the GIL: they take microseconds."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file cannot be loaded."""
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
        # without argtypes, which take as long as the rest of a call: for a NativeForest's pointer, bytes and an int
        self.predict_line, self.predict_value = holding.predict_line, holding.predict_value
        self.predict_value.restype = ctypes.c_double

    def read_numbers(self, table: bytes, width: int) -> NDArray[np.float64] | None:
        """(rows, width): the table's numbers as float() reads them, NaN where a cell is empty.

        None where the lines, which end with LF or CRLF, are something else than `width` finite numbers and empty cells,
        and where one of them is empty. A line break at the end may be left out.
        """
        length = _length(table)
        matrix = np.empty((table.count(b"\n", 0, length) + 1, width))
        if not self._read_numbers(table, length, *matrix.shape, matrix.ctypes.data):
            return None
        return matrix

    def read_row(self, table: bytes, width: int) -> array[float] | None:
        """As `read_numbers`, of a table of one line."""
        row = array("d", bytes(8 * width))
        return row if self._read_row(table, _length(table), 1, width, row.buffer_info()[0]) else None


def _length(table: bytes) -> int:
    """Without the line break at the end."""
    if table.endswith(b"\r\n"):
        return len(table) - 2
    return len(table) - table.endswith(b"\n")


@lru_cache(maxsize=1)
def native_code() -> NativeCode | None:
    """None where it is not there; where it cannot be loaded, a line on stderr says so."""
    path = Path(os.environ.get(VARIABLE) or Path(__file__).with_name(_FILE))
    if not path.is_file():
        return None
    try:
        return NativeCode(path)
    except OSError as error:
        print(f"{path} cannot be loaded, and is done without: {error}", file=sys.stderr, flush=True)
        return None
