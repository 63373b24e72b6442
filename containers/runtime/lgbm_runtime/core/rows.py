"""A table as numbers, in the order of the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """A table as float64, NaN where a cell is missing; categories and classes are their codes.

    `matrix` is (rows, features), C-contiguous; `target` is (rows), None if the table has none. `unseen` holds the
    categories that the schema does not know, as (feature, category); their cells are missing.
    """

    matrix: Matrix
    target: Matrix | None = None
    unseen: tuple[tuple[str, str], ...] = ()
