"""Load a LightGBM model and predict with it."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lgbm_runtime.core import c_api
from lgbm_runtime.core.csv_rows import plain_row
from lgbm_runtime.core.errors import ModelError
from lgbm_runtime.core.native_code import native_code
from lgbm_runtime.core.tree_text import UnsupportedModelError
from lgbm_runtime.core.tree_walk import TreeWalk

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The kinds of output that LightGBM computes.
PREDICTION = "prediction"
RAW_SCORE = "raw_score"
LEAF_INDEX = "leaf_index"
CONTRIBUTIONS = "contributions"
_KINDS = {
    PREDICTION: c_api.NORMAL,
    RAW_SCORE: c_api.RAW_SCORE,
    LEAF_INDEX: c_api.LEAF_INDEX,
    CONTRIBUTIONS: c_api.CONTRIBUTIONS,
}
# The number of rows that one thread predicts at a time. They take a few milliseconds: short enough for parallel
# requests to share the processors, long compared with the overhead per block.
_BLOCK_ROWS = 512
# The tree walk is used only if it predicts this many sample rows exactly as LightGBM does. The reason: a later LightGBM
# may write trees that the tree walk does not know.
_COMPARED_ROWS = 32


class LightgbmBooster:
    """A loaded model file. Several threads may use it at once.

    `objective` is LightGBM's name of the objective, or empty for a custom objective function. `num_class` is 1 unless
    the objective is multiclass. `feature_names` are in the order of the columns. LightGBM computes no feature
    contributions for a model with linear trees (`has_linear_trees`).

    `predict_line` takes one line of CSV and returns its prediction as a list of one value, or of one value per class.
    It returns None if the line contains anything except numbers and empty cells.
    """

    def __init__(self, model_path: Path, num_threads: int | None = None) -> None:
        """Load LightGBM's text model.

        `num_threads` is the number of threads that predict a large matrix. None means one. This method starts no
        thread, so the process can still fork. Raises ModelError if the file is missing or not a model, and LibraryError
        if LightGBM's library cannot be loaded.
        """
        try:
            text = model_path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise ModelError(f"the model file {model_path} does not exist") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"the model file {model_path} cannot be read: {error}") from error
        header = _header(text)
        if header.get("tree") is None or "max_feature_idx" not in header:
            raise ModelError(f"the model file {model_path} is not a LightGBM text model")
        # LightGBM does not check the text, and a truncated file can crash the process
        if "\nend of trees" not in text:
            raise ModelError(f"the model file {model_path} is truncated: it has no line 'end of trees'")
        self.objective = (header.get("objective") or "").split(" ")[0]
        self.num_class = int(header.get("num_class", "1"))
        # names contain no blanks: LightGBM has replaced them by underscores
        self.feature_names = header.get("feature_names", "").split()
        try:
            self._model = c_api.Model(c_api.load_library(), text, self.width)
        except c_api.CallError as error:
            raise ModelError(f"LightGBM cannot load the model file {model_path}: {error}") from error
        self._walk = self._tree_walk(text, header)
        self.predict_line = self._walk.predict_line if self._walk else self._predict_line
        self.num_trees = text.count("\nTree=")
        self._threads = num_threads or 1
        self._executor: ThreadPoolExecutor | None = None
        self.has_linear_trees = "\nis_linear=1" in text

    @property
    def walks_through_trees(self) -> bool:
        """Return whether native/tree_walk.c computes the predictions, instead of LightGBM."""
        return self._walk is not None

    @property
    def width(self) -> int:
        """Return the number of features."""
        return len(self.feature_names)

    def predict(self, matrix: NDArray[np.float64], output: str) -> NDArray[np.float64]:
        """Return the same values as LightGBM's `Booster.predict` for this output.

        The shape of `matrix` is (rows, features). The shape of the result is (rows) or (rows, values). Leaf indices are
        int32.
        """
        matrix = np.ascontiguousarray(matrix, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != self.width:
            raise ValueError(f"the matrix has the shape {matrix.shape}, but the model has {self.width} features")
        blocks = [matrix[start : start + _BLOCK_ROWS] for start in range(0, len(matrix), _BLOCK_ROWS)]
        if len(blocks) == 1 or self._threads == 1:
            values = self._values(matrix, output)
        else:
            values = np.concatenate(list(self._pool().map(lambda block: self._values(block, output), blocks)))
        if output == LEAF_INDEX:
            return values.astype(np.int32)
        return values[:, 0] if values.shape[1] == 1 and output != CONTRIBUTIONS else values

    def _predict_line(self, line: bytes) -> list[float] | None:
        row = plain_row(line, self.width)
        return None if row is None else self._model.predict_row(row)

    def _values(self, matrix: NDArray[np.float64], output: str) -> NDArray[np.float64]:
        """Compute an array of the shape (rows, values) in the calling thread."""
        if self._walk is not None and output in (PREDICTION, RAW_SCORE):
            return self._walk.predict(matrix, raw=output == RAW_SCORE)
        return self._model.predict(matrix, _KINDS[output])

    def _tree_walk(self, text: str, header: dict[str, str]) -> TreeWalk | None:
        """Return the tree walk, or None if it does not support the model.

        In the second case, print the reason on stderr.
        """
        try:
            return self._compared_walk(text, header)
        except UnsupportedModelError as error:
            print(f"LightGBM itself predicts, which is slower: {error}", file=sys.stderr, flush=True)
            return None

    def _compared_walk(self, text: str, header: dict[str, str]) -> TreeWalk:
        native = native_code()
        if native is None:
            raise UnsupportedModelError("no compiled code")
        walk = TreeWalk.of(native, text, header, self.width)
        rows = walk.sample(_COMPARED_ROWS, self.width)
        for output, raw in ((PREDICTION, False), (RAW_SCORE, True)):
            if walk.predict(rows, raw=raw).tobytes() != self._model.predict(rows, _KINDS[output]).tobytes():
                raise UnsupportedModelError("the compiled code predicts different values")
        return walk

    def _pool(self) -> ThreadPoolExecutor:
        # created only now: threads do not survive a fork of the process
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="prediction")
        return self._executor


def _header(text: str) -> dict[str, str]:
    """Return the lines `key=value` before the first tree. The line `tree` has an empty value."""
    end = text.find("\nTree=")
    lines = text[: end if end >= 0 else 65536].split("\n")
    fields = (line.partition("=") for line in lines)
    return {key: value for key, _, value in fields}
