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
    """A table as float64, with NaN for missing cells and codes for categories and classes.

    `matrix` is (rows, features), C-contiguous; `target` is (rows), None if the table has none. `unseen` has the
    categories that are not in the schema, as (feature, category); their cells are missing.
    """

    matrix: Matrix
    target: Matrix | None = None
    unseen: tuple[tuple[str, str], ...] = ()
