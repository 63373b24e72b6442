"""Find the columns that have the same value in each row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class ConstantColumns:
    """The columns that have had the same value in all rows so far. A missing value is a value too.

    Only these columns are compared with the next rows: after the first rows, few are left, so this takes little time.
    """

    def __init__(self) -> None:
        self._found: dict[int, float] | None = None

    @property
    def found(self) -> dict[int, float]:
        """Map the position of each constant column to its value, which is NaN if all cells are missing."""
        return dict(self._found or {})

    def add(self, rows: NDArray[np.float64]) -> None:
        """Compare with the next rows (rows, columns)."""
        if not len(rows):
            return
        if self._found is None:
            self._found = dict(enumerate(rows[0].tolist()))
        for position, value in list(self._found.items()):
            column = rows[:, position]
            is_same = np.isnan(column) if np.isnan(value) else column == value
            if not is_same.all():
                del self._found[position]
