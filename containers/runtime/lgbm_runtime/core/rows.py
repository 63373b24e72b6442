"""A table as numbers, with the columns in the order of the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """A table as float64. A missing cell is NaN. A category or a class is its code.

    `matrix` is C-contiguous and has the shape (rows, features). `target` has the shape (rows), or is None if the table
    has no target. `unseen` has the categories that are not in the schema, as pairs (feature, category). Their cells are
    NaN.
    """

    matrix: Matrix
    target: Matrix | None = None
    unseen: tuple[tuple[str, str], ...] = ()
