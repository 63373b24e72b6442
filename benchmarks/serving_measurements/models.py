"""The two models that are served, and the rows that are sent to them.

All cells are multiples of 1/512 and are written with all digits. Each server can represent such numbers exactly, even
in single precision. So each server must give LightGBM's own prediction.
"""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import lightgbm

Matrix = NDArray[np.float64]

MODEL_FILE = "lightgbm-regression-model.txt"
_GRID = 512
_TRAINING_ROWS = 10_000


@dataclass(frozen=True)
class Recipe:
    """The parameters of a model. When they change, the model is trained again."""

    name: str
    features: int
    trees: int
    leaves: int


SMALL = Recipe("small", features=13, trees=100, leaves=31)
LARGE = Recipe("large", features=100, trees=500, leaves=127)


@dataclass(frozen=True)
class Model:
    """A trained model. `path` has LightGBM's text. `artifact_path` is the model.tar.gz."""

    recipe: Recipe
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / MODEL_FILE

    @property
    def artifact_path(self) -> Path:
        return self.folder / "model.tar.gz"

    @cached_property
    def booster(self) -> "lightgbm.Booster":
        import lightgbm

        return lightgbm.Booster(model_file=str(self.path))

    @cached_property
    def feature_names(self) -> list[str]:
        return [f"Column_{index}" for index in range(self.recipe.features)]

    def predict(self, rows: Matrix) -> Matrix:
        """Return LightGBM's own predictions."""
        predictions: Matrix = np.asarray(self.booster.predict(rows))
        return predictions


def trained_model(cache_path: Path, recipe: Recipe, say: Callable[[str], None]) -> Model:
    """Return the model from the cache, or train it. The large model takes a minute."""
    name = f"{recipe.name}-{recipe.features}-{recipe.trees}-{recipe.leaves}-{_TRAINING_ROWS}"
    model = Model(recipe, cache_path / "models" / name)
    if not model.artifact_path.exists():
        say(f"training the {recipe.name} model")
        model.folder.mkdir(parents=True, exist_ok=True)
        _train(recipe).save_model(str(model.path))
        _pack(model)
    return model


def random_rows(recipe: Recipe, count: int, seed: int) -> Matrix:
    """Return random rows of the shape (count, features). Another seed gives other rows."""
    random = np.random.default_rng([seed, recipe.features])
    return np.rint(random.normal(size=(count, recipe.features)) * _GRID) / _GRID


def _train(recipe: Recipe) -> "lightgbm.Booster":
    import lightgbm

    rows = random_rows(recipe, _TRAINING_ROWS, seed=0)
    noise = np.random.default_rng(1).normal(size=_TRAINING_ROWS)
    target = rows[:, 0] * rows[:, 1] + np.sin(rows[:, 2] * 2) + np.abs(rows[:, 3:]).sum(axis=1) / 4 + noise
    params = {"objective": "regression", "num_leaves": recipe.leaves, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(rows, target), num_boost_round=recipe.trees)
    leaves = booster.trees_to_dataframe().query("left_child.isnull()").groupby("tree_index").size()
    if len(leaves) != recipe.trees or leaves.min() != recipe.leaves:
        raise AssertionError(f"{recipe} became {len(leaves)} trees of {leaves.min()} leaves or more")
    return booster


def _pack(model: Model) -> None:
    """Write the files of a training job. The archive is written last, and atomically."""
    features = [{"name": name, "type": "numeric"} for name in model.feature_names]
    schema: dict[str, Any] = {
        "format_version": 1,
        "dataset": "benchmark",
        "target": {"name": "target", "classes": None},
        "features": features,
        "splits": {},
    }
    metadata = json.dumps({"format_version": 1, "schema": schema}).encode()
    partial_path = model.artifact_path.with_suffix(".partial")
    with tarfile.open(partial_path, "w:gz", compresslevel=1) as archive:
        archive.add(model.path, arcname=MODEL_FILE)
        member = tarfile.TarInfo("metadata.json")
        member.size = len(metadata)
        archive.addfile(member, io.BytesIO(metadata))
    partial_path.replace(model.artifact_path)
