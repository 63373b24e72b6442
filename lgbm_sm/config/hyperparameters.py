"""The values of `training.hyperparameters`, and the strings that a training job gets for them."""

import json
import math
from collections.abc import Mapping

from lgbm_sm import contract
from lgbm_sm.config.problems import UnfitValueError
from lgbm_sm.config.values import HyperparameterValue


def hyperparameter(value: object) -> HyperparameterValue:
    plain = tuple(value) if isinstance(value, list | tuple) else value
    for scalar in plain if isinstance(plain, tuple) else (plain,):
        if not isinstance(scalar, str | int | float):
            raise UnfitValueError("text, a number, true, false or a list of these", value)
        if isinstance(scalar, float) and not math.isfinite(scalar):
            raise UnfitValueError("a finite number", value)
    length = len(_as_string(plain))
    if length > contract.HYPERPARAMETER_VALUE_CHARACTERS:
        limit = f"{contract.HYPERPARAMETER_VALUE_CHARACTERS} characters (SageMaker's limit)"
        raise ValueError(f"must have at most {limit}, got {length}")
    return plain  # type: ignore[return-value]  # the loop above has looked at every scalar


def hyperparameter_limits(values: Mapping[str, HyperparameterValue]) -> Mapping[str, HyperparameterValue]:
    if len(values) > contract.MOST_HYPERPARAMETERS:
        limit = f"{contract.MOST_HYPERPARAMETERS} hyperparameters (SageMaker's limit)"
        raise ValueError(f"must be at most {limit}, got {len(values)}")
    return values


def as_strings(hyperparameters: Mapping[str, HyperparameterValue]) -> dict[str, str]:
    """Return the hyperparameters as the API accepts them: strings only."""
    return {name: _as_string(value) for name, value in hyperparameters.items()}


def _as_string(value: object) -> str:
    # the SDK sends values other than text as JSON too
    return value if isinstance(value, str) else json.dumps(value)
