"""LightGBM behind the few things that a server needs of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgbm_runtime.errors import ModelError
from lgbm_runtime.lightgbm_library import import_lightgbm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What LightGBM computes itself, and the arguments of Booster.predict that ask for it.
PREDICTION = "prediction"
RAW_SCORE = "raw_score"
LEAF_INDEX = "leaf_index"
CONTRIBUTIONS = "contributions"
_ARGUMENTS = {
    PREDICTION: {},
    RAW_SCORE: {"raw_score": True},
    LEAF_INDEX: {"pred_leaf": True},
    CONTRIBUTIONS: {"pred_contrib": True},
}


class LightgbmBooster:
    """A model file that is loaded.

    `objective` is LightGBM's canonical name, empty where the model was trained with a function of the user's own.
    `num_class` is 1 unless the objective is a multiclass one. `feature_names` are in the order of the columns.
    `has_linear_trees`: LightGBM has no feature contributions for such a model.
    """

    def __init__(self, model_path: Path, num_threads: int | None = None) -> None:
        """Loads LightGBM's text model; `num_threads` None leaves LightGBM its default.

        Raises ModelError naming the file where it is missing or no model.
        """
        try:
            text = model_path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise ModelError(f"the model file {model_path} does not exist") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"the model file {model_path} cannot be read: {error}") from error
        header = _header(text)
        if header.get("tree") is None or "max_feature_idx" not in header:
            raise ModelError(f"the model file {model_path} is no LightGBM text model")
        # LightGBM trusts what it reads: a file that was cut off can take the process with it
        if "\nend of trees" not in text:
            raise ModelError(f"the model file {model_path} is cut off: it has no line 'end of trees'")
        lightgbm = import_lightgbm()
        try:
            self._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise ModelError(f"LightGBM cannot load the model file {model_path}: {error}") from error
        self._arguments: dict[str, Any] = {} if num_threads is None else {"num_threads": num_threads}
        self.objective = (header.get("objective") or "").split(" ")[0]
        self.num_class = int(header.get("num_class", "1"))
        self.feature_names: list[str] = self._booster.feature_name()
        self.has_linear_trees = "\nis_linear=1" in text

    @property
    def width(self) -> int:
        """The number of features."""
        return len(self.feature_names)

    def predict(self, matrix: NDArray[np.float64], output: str) -> NDArray[np.float64]:
        """What `Booster.predict` gives for (rows, features): (rows) or (rows, values), leaf indices as int32."""
        result: NDArray[np.float64] = self._booster.predict(matrix, **_ARGUMENTS[output], **self._arguments)
        return result


def _header(text: str) -> dict[str, str]:
    """The lines `key=value` before the first tree; the first line is the word `tree`."""
    end = text.find("\nTree=")
    lines = text[: end if end >= 0 else 65536].split("\n")
    fields = (line.partition("=") for line in lines)
    return {key: value for key, _, value in fields}
