"""Predictions by native/tree_walk.c.

They are three to five times as fast as LightGBM's, and bit-identical to them.
"""

from __future__ import annotations

import ctypes
from array import array
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lgbm_runtime.core.native_code import NativeForest
from lgbm_runtime.core.tree_text import UnsupportedModelError, forest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lgbm_runtime.core.native_code import NativeCode
    from lgbm_runtime.core.tree_text import Forest

# From a score to a prediction: ConvertOutput in LightGBM's src/objective. LightGBM itself predicts for other
# objectives.
_IDENTITY, _SIGMOID, _EXPONENTIAL, _SOFTMAX = range(4)
_TRANSFORMATIONS = {
    **dict.fromkeys(("regression", "regression_l1", "huber", "fair", "quantile", "mape"), _IDENTITY),
    **dict.fromkeys(("lambdarank", "rank_xendcg", ""), _IDENTITY),
    **dict.fromkeys(("binary", "multiclassova", "cross_entropy"), _SIGMOID),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), _EXPONENTIAL),
    "multiclass": _SOFTMAX,
}


class _Transformation(NamedTuple):
    kind: int
    sigmoid: float


class TreeWalk:
    """The predictions and raw scores of a model. Several threads may use it at once."""

    def __init__(
        self, native: NativeCode, forest: Forest, width: int, classes: int, transformation: _Transformation
    ) -> None:
        self._native, self._forest, self._classes = native, forest, classes
        self._is_transformed = transformation.kind != _IDENTITY
        # shared by all calls: the GIL allows one at a time
        self._row = array("d", bytes(8 * (width + 1)))
        self._native_forest = NativeForest(
            forest.nodes.ctypes.data,
            forest.words.ctypes.data if len(forest.words) else None,
            forest.roots.ctypes.data,
            self._row.buffer_info()[0],
            len(forest.roots),
            classes,
            width,
            *transformation,
        )
        self._pointer = ctypes.c_void_p(ctypes.addressof(self._native_forest))
        self._values = ctypes.c_double * classes

    @staticmethod
    def of(native: NativeCode, text: str, header: Mapping[str, str], width: int) -> TreeWalk:
        """Return the walk through the model with this text.

        Its lines before the first tree are `header`.

        Raises UnsupportedModelError for trees and objectives that LightGBM itself has to predict with.
        """
        objective = header.get("objective", "")
        transformation = _transformation(objective)
        if transformation is None:
            raise UnsupportedModelError(f"the model's objective is {objective}")
        if "average_output" in header:
            raise UnsupportedModelError("the model's trees are averaged")
        forest = forest_of(text, width, native)
        return TreeWalk(native, forest, width, int(header.get("num_tree_per_iteration", "1")), transformation)

    def sample(self, rows: int, width: int) -> NDArray[np.float64]:
        """Return (rows, width) of thresholds, at which the decisions of nodes change.

        The first row is zero, the last one NaN.
        """
        thresholds = self._forest.thresholds
        cells = np.resize(thresholds, (rows, width)) if len(thresholds) else np.ones((rows, width))
        cells[0], cells[-1] = 0.0, np.nan
        return cells

    def predict(self, matrix: NDArray[np.float64], *, raw: bool) -> NDArray[np.float64]:
        """Compute (rows, classes) for C-contiguous (rows, features) in the calling thread."""
        scores = np.empty((len(matrix), self._classes))
        if not self._native.score_rows(self._pointer, matrix.ctypes.data, len(matrix), scores.ctypes.data):
            raise MemoryError
        if not raw and self._is_transformed:
            self._native.transform(self._pointer, scores.ctypes.data, len(scores))
        return scores

    def predict_line(self, line: bytes) -> list[float] | None:
        """Return one prediction per class for a line of CSV, or None.

        It is None if the line has anything but numbers and empty cells. Also returns None if a model of one class
        predicts NaN.
        """
        if self._classes == 1:
            value = self._native.predict_value(self._pointer, line, len(line))
            return [value] if value == value else None  # noqa: PLR0124 - a test for NaN without another call
        values = self._values()
        return values[:] if self._native.predict_line(self._pointer, line, len(line), values) else None


def _transformation(objective: str) -> _Transformation | None:
    """Return the transformation for an objective such as `binary sigmoid:1`, or None."""
    name, *options = objective.split() or [""]
    kind = _TRANSFORMATIONS.get(name)
    # an option without a value changes the objective: `regression sqrt`
    if kind is None or not all(":" in option for option in options):
        return None
    values = dict(option.split(":", 1) for option in options)
    return _Transformation(kind, float(values.get("sigmoid", "1")))
