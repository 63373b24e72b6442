"""The model and the predictions that LightGBM itself gives for a table that pandas has read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

# the shares, the seed and the parameters of the example's config.yaml
TEST_SIZE, VALIDATION_SIZE, RANDOM_STATE = 0.2, 0.25, 45
ROUNDS, EARLY_STOPPING_ROUND = 1000, 50
PARAMETERS: Mapping[str, Any] = {
    "boosting_type": "gbdt",
    "num_leaves": 31,
    "learning_rate": 0.05,
    "feature_fraction": 0.9,
    "bagging_fraction": 0.8,
    "bagging_freq": 5,
    "verbose": -1,
}
# these decide in which order LightGBM adds numbers
FIXED: Mapping[str, Any] = {"num_threads": 2, "force_col_wise": "true", "deterministic": "true"}
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Oracle:
    """Trained on the rows that the documented splits give to train. `test` are the test rows."""

    frame: pd.DataFrame
    test: pd.DataFrame
    levels: Mapping[str, Sequence[str]]
    booster: lightgbm.Booster

    def predict(self, rows: pd.DataFrame) -> list[list[float]]:
        """Return a list for each row: one number, or the probability of each class."""
        predicted: Matrix = np.asarray(self.booster.predict(self._matrix(rows), num_threads=2))
        found: list[list[float]] = predicted.reshape(len(rows), -1).tolist()
        return found

    def _matrix(self, rows: pd.DataFrame) -> Matrix:
        return matrix(rows, self.levels)


def train_oracle(
    features: pd.DataFrame, target: pd.Series[Any], levels: Mapping[str, Sequence[str]], objective: str
) -> Oracle:
    """Train as the documentation describes it.

    `levels` has the categories of each column of text, in the order of their codes. Classes have their codes in sorted
    order, and each class has the same share of each split.
    """
    is_classification = objective in ("binary", "multiclass")
    classes = sorted(target.unique()) if is_classification else []
    labels = np.array([classes.index(one) for one in target] if classes else target, dtype=np.float64)
    groups = labels if classes else None
    rest, test = train_test_split(
        np.arange(len(labels)), test_size=TEST_SIZE, random_state=RANDOM_STATE, stratify=groups
    )
    train, validation = train_test_split(
        rest, test_size=VALIDATION_SIZE, random_state=RANDOM_STATE, stratify=None if groups is None else groups[rest]
    )
    numbers = matrix(features, levels)
    parameters = {**PARAMETERS, **FIXED, "objective": objective}
    if objective == "multiclass":
        parameters["num_class"] = len(classes)
    categorical = [position for position, name in enumerate(features.columns) if name in levels]
    data = lightgbm.Dataset(numbers[train], labels[train], categorical_feature=categorical)
    booster = lightgbm.train(
        parameters,
        data,
        num_boost_round=ROUNDS,
        valid_sets=[data.create_valid(numbers[validation], labels[validation])],
        callbacks=[lightgbm.early_stopping(EARLY_STOPPING_ROUND, verbose=False)],
    )
    return Oracle(features, features.iloc[test], levels, booster)


def matrix(rows: pd.DataFrame, levels: Mapping[str, Sequence[str]]) -> Matrix:
    """Return the rows as numbers. A category that is not in `levels` is NaN, as a missing cell is."""
    codes = {name: {category: code for code, category in enumerate(levels[name])} for name in levels}
    columns = [rows[name].map(codes[name]) if name in levels else rows[name] for name in rows.columns]
    return np.column_stack([column.to_numpy(np.float64, na_value=np.nan) for column in columns])
