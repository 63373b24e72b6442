"""The models for the table of requests, and their artifacts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

REGRESSION = "regression"
BINARY = "binary"
MULTICLASS = "multiclass"

# fmt: off
BOSTON_NAMES = [
    "CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT",
]
# fmt: on


@dataclass(frozen=True)
class Model:
    """The model to compare answers with. `schema` is the content of schema.json."""

    booster: lightgbm.Booster
    schema: dict[str, Any]

    @property
    def names(self) -> list[str]:
        return [feature["name"] for feature in self.schema["features"]]


def write_artifact(model: Model, folder: Path) -> None:
    folder.mkdir(parents=True)
    model.booster.save_model(str(folder / "lightgbm-regression-model.txt"))
    (folder / "metadata.json").write_text(json.dumps({"format_version": 1, "schema": model.schema}))


def train_models() -> dict[str, Model]:
    return {REGRESSION: _regression(), BINARY: _binary(), MULTICLASS: _multiclass()}


def numeric(name: str) -> dict[str, Any]:
    return {"name": name, "type": "numeric"}


def categorical(name: str, levels: list[Any]) -> dict[str, Any]:
    return {"name": name, "type": "categorical", "levels": levels}


def schema_of(features: list[dict[str, Any]], classes: list[Any] | None = None) -> dict[str, Any]:
    return {
        "format_version": 1,
        "dataset": "test",
        "target": {"name": "target", "classes": classes},
        "features": features,
        "splits": {},
    }


def _regression() -> Model:
    random = np.random.default_rng(45)
    X = random.normal(size=(400, len(BOSTON_NAMES))) * 10
    X[::7, 3] = np.nan
    y = X[:, 5] * 3 - X[:, 12] + np.nan_to_num(X[:, 3]) * X[:, 0] / 10
    return Model(_train({"objective": "regression"}, X, y), schema_of([numeric(name) for name in BOSTON_NAMES]))


def _binary() -> Model:
    random = np.random.default_rng(46)
    rows = 600
    colour = random.integers(0, 3, rows).astype(float)
    size = random.integers(0, 3, rows).astype(float)
    age = random.normal(40, 10, rows)
    age[::9] = np.nan
    colour[::11] = np.nan
    y = ((colour == 1) | (np.nan_to_num(age) > 45) & (size != 2)).astype(float)
    features = [
        numeric("age"),
        categorical("colour", ["blue", "red", "vert d'eau, „hell“"]),
        categorical("size", [10, 20.5, 30]),
    ]
    booster = _train({"objective": "binary"}, np.column_stack([age, colour, size]), y, [1, 2])
    return Model(booster, schema_of(features, ["no", "yes, of course"]))


def _multiclass() -> Model:
    random = np.random.default_rng(47)
    X = random.normal(size=(450, 4))
    y = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.7]).astype(float)
    names = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
    booster = _train({"objective": "multiclass", "num_class": 3}, X, y)
    return Model(booster, schema_of([numeric(name) for name in names], ["setosa", "versicolor", "virginica"]))


def _train(params: dict[str, Any], X: Matrix, y: Matrix, categories: list[int] | None = None) -> lightgbm.Booster:
    dataset = lightgbm.Dataset(X, y, categorical_feature=categories or "auto")
    return lightgbm.train({**params, "verbosity": -1, "num_threads": 1}, dataset, num_boost_round=20)
