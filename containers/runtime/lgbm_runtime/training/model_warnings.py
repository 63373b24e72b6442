"""Warnings about a model that is trained without an error, but is probably not the model that the user wants.

Each warning is one line: what is wrong, and the setting that changes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lgbm_runtime.core.schema import Feature
from lgbm_runtime.training.early_stopping import EarlyStopping
from lgbm_runtime.training.evaluation import TRAIN, VALIDATION, History

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lgbm_runtime.training.hyperparameters import Hyperparameters

_SETTING = "training.hyperparameters"
_FEWEST_SUGGESTED_ROUNDS = 1000
_SUGGESTED_PATIENCE = 50
_SHOWN = 5
_OTHER_VALIDATION_ROWS = (
    "raise data.validation_size, or if you set data.files, use another validation table, and run prepare-data again"
)


class Warnings:
    """Prints each warning to the log, and keeps it for metadata.json."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, texts: Iterable[str]) -> None:
        for text in texts:
            print(f"warning: {text}", flush=True)
            self.texts.append(text)


def early_stopping_off(reason: str, change: str) -> str:
    """Return the warning if the user has set early stopping, but it cannot be used."""
    return f"early stopping is off: {reason}; {change}, or set {_SETTING}.early_stopping_round=0"


def unused_features(features: Sequence[Feature], constants: Mapping[int, float]) -> list[str]:
    """Return a warning if features have the same value in each row, or no value.

    `constants` maps the position of such a feature to its value. A missing value is NaN.
    """
    if not constants:
        return []
    shown = ", ".join(
        f"{features[position].name} (always {_shown(value, features[position].levels)})"
        for position, value in list(constants.items())[:_SHOWN]
    )
    more = f" and {len(constants) - _SHOWN} more" if len(constants) > _SHOWN else ""
    return [
        (
            f"the model cannot use these features, because they do not change in the {TRAIN} channel: {shown}{more}; "
            "add them to data.drop and run prepare-data again"
        )
    ]


def poor_target(channel: str, target: Feature, labels: Any, num_class: int) -> list[str]:
    """Return a warning if all labels of a channel are equal, or if it has no rows of a class.

    `labels` is an array of float64. `num_class` is the number of classes, or 0 if the target is numeric.
    """
    if is_constant(labels):
        value = _shown(float(labels[0]), target.levels)
        if channel == TRAIN:
            return [f"the target is {value} in each row of the {TRAIN} channel: check data.target and the table"]
        return [
            (
                f"the target is {value} in each row of the {channel} channel: its metrics cannot show how good the "
                f"model is, and early stopping is off; {_OTHER_VALIDATION_ROWS}"
            )
        ]
    lacking = sorted(set(range(num_class)) - set(np.unique(labels).tolist()))
    if not lacking:
        return []
    shown = ", ".join(_shown(code, target.levels) for code in lacking[:_SHOWN])
    more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
    if channel == TRAIN:
        return [
            (
                f"the {TRAIN} channel has no rows of these classes, so the model never predicts them: {shown}{more}; "
                "add rows of these classes, or remove them from the classes, and run prepare-data again"
            )
        ]
    return [
        (
            f"the {channel} channel has no rows of these classes, so its metrics do not cover them: {shown}{more}; "
            f"{_OTHER_VALIDATION_ROWS}"
        )
    ]


def is_constant(labels: Any) -> bool:
    """Return whether all labels are equal. `labels` is a non-empty array."""
    return bool((labels == labels[0]).all())


def unfinished(history: History, given: Hyperparameters, best: int, stopping: EarlyStopping | None) -> list[str]:
    """Return a warning if the training ended only because it reached the maximum number of iterations.

    With early stopping, that is the case if early stopping has not ended the training. Without it, that is the case if
    the last iteration has the best value of the first validation metric.
    """
    metric, rounds = history.deciding_metric, given.num_iterations
    if metric is None or history.iterations < rounds:
        return []
    if best == rounds and (stopping is not None or history.best_iteration(0.0) == rounds):
        reason = f"the last iteration is the best by {VALIDATION} {metric}, so more iterations can improve the model"
    elif stopping is not None and rounds - best < stopping.rounds:
        reason = (
            f"{VALIDATION} {metric} has not yet stayed without improvement for {stopping.rounds} iterations, so more "
            "iterations can improve the model"
        )
    else:
        return []
    longer = f"{_SETTING}.{given.rounds_name}={max(_FEWEST_SUGGESTED_ROUNDS, 10 * rounds)}"
    early = f" --set {_SETTING}.{given.early_stopping_name}={_SUGGESTED_PATIENCE}"
    if stopping is not None or given.changes_earlier_trees:
        early = ""
    return [f"best iteration {best} of {rounds}: {reason}; train longer: lgbm-sm train --set {longer}{early}"]


def no_usable_metric(metrics: Iterable[str]) -> str:
    """Return the warning if no validation metric of a training with early stopping was a number."""
    return early_stopping_off(
        f"{', '.join(metrics)} is not a number on the {VALIDATION} channel",
        f"use another metric, such as {_SETTING}.metric=multi_logloss",
    )


def _shown(value: float, levels: Sequence[Any] | None) -> str:
    if math.isnan(value):
        return "missing"
    if levels is not None and 0 <= value < len(levels):
        return repr(levels[int(value)])
    return f"{value:g}"
