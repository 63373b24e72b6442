"""The checked settings of a training, from hyperparameters, target and library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lgbm_runtime.core.outputs import BINARY, MULTICLASS
from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.hyperparameters import Hyperparameters
from lgbm_runtime.training.lightgbm_probe import check_parameters
from lgbm_runtime.training.objectives import canonical_objective, num_class
from lgbm_runtime.training.training_api import Lightgbm

DEFAULT_OBJECTIVE = "regression"  # LightGBM's own


@dataclass(frozen=True)
class Settings:
    """The settings of a training.

    `params` have LightGBM's own names, without rounds and early stopping (0 is off), with num_class if needed.
    `objective` is LightGBM's own name for it. `params` keep the given alias, which decides on the default metric:
    `rmse` is regression measured by rmse. `rounds_name` and `early_stopping_name` are the names under which the user
    sets them.
    """

    params: Mapping[str, Any]
    objective: str
    num_class: int
    num_iterations: int
    early_stopping_round: int
    rounds_name: str = "num_boost_round"
    early_stopping_name: str = "early_stopping_round"

    @property
    def classes(self) -> int:
        """Return the number of classes, or 0 if the objective has none."""
        return 2 if self.objective == BINARY else self.num_class if self.objective in MULTICLASS else 0


def settings_for(hyperparameters: Hyperparameters, classes: Sequence[Any] | None, lightgbm: Lightgbm) -> Settings:
    """Return the settings for a target with these classes.

    None means that the target is numeric, or that there is no schema.

    Raises TrainingError if the objective does not fit the target, or if LightGBM refuses a parameter.
    """
    objective = canonical_objective(str(hyperparameters.values.get("objective", DEFAULT_OBJECTIVE)))
    count = num_class(objective, classes, hyperparameters.values.get("num_class"))
    params = {**hyperparameters.params, **({"num_class": count} if count > 1 else {})}
    check_parameters(params, hyperparameters.metrics, lightgbm)
    if hyperparameters.early_stopping_round and not hyperparameters.evaluates:
        raise TrainingError(
            "early_stopping_round needs a metric, but metric=None turns metrics off: remove one of them"
        )
    return Settings(
        params,
        objective,
        count,
        hyperparameters.num_iterations,
        hyperparameters.early_stopping_round,
        hyperparameters.names.get("num_iterations", Settings.rounds_name),
        hyperparameters.names.get("early_stopping_round", Settings.early_stopping_name),
    )
