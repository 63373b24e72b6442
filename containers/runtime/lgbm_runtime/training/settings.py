"""The checked settings of a training, from its hyperparameters and its target."""

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


@dataclass(frozen=True)
class Settings:
    """The settings of a training.

    `objective` is LightGBM's main name of the objective. LightGBM itself gets the alias that the user wrote, because
    the alias determines the default metric: `rmse` means regression with the metric rmse.
    """

    hyperparameters: Hyperparameters
    objective: str
    num_class: int

    def configure(self, lightgbm: Lightgbm, *, early_stopping: bool, categorical: Sequence[int]) -> Lightgbm:
        """Return the library with all parameters of the training.

        `categorical` are the positions of the categorical features.
        """
        given = self.hyperparameters
        added: dict[str, Any] = {**_classes(self.num_class), "num_iterations": given.num_iterations}
        if early_stopping:
            added["early_stopping_round"] = given.early_stopping_round
        if categorical:
            added["categorical_column"] = list(categorical)
        return given.configure(lightgbm, added)

    @property
    def classes(self) -> int:
        """Return the number of classes, or 0 if the objective has none."""
        return 2 if self.objective == BINARY else self.num_class if self.objective in MULTICLASS else 0


def settings_for(hyperparameters: Hyperparameters, classes: Sequence[Any] | None, lightgbm: Lightgbm) -> Settings:
    """Return the settings for a target with these classes.

    None means that the target is numeric, or that there is no schema.

    Raises TrainingError if the objective does not fit the target, or if LightGBM refuses a parameter.
    """
    objective = canonical_objective(hyperparameters.objective)
    count = num_class(objective, classes, hyperparameters.values.get("num_class"))
    check_parameters({**hyperparameters.params, **_classes(count)}, hyperparameters.metrics, lightgbm)
    if hyperparameters.early_stopping_round and not hyperparameters.evaluates:
        raise TrainingError(
            "early_stopping_round needs a metric, but metric=None turns metrics off: remove one of them"
        )
    return Settings(hyperparameters, objective, count)


def _classes(count: int) -> Mapping[str, int]:
    return {"num_class": count} if count > 1 else {}
