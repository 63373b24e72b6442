"""LightGBM's own judgement of the parameters, asked for before the data are read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.training_api import Booster, Dataset, Evaluation, Lightgbm, LightgbmError

# checked against the number of columns, which the probe has not
_PER_COLUMN = frozenset({"max_bin_by_feature"})
# checked together with the objective
_DEPENDENT = frozenset({"num_class", "objective", "metric"})
_SOURCE_PLACE = re.compile(r" at \S+, line \d+ \.")


def without_source_place(message: object) -> str:
    """LightGBM's message without the place in its C++ source."""
    return _SOURCE_PLACE.sub("", str(message)).strip()


def check_parameters(params: Mapping[str, Any], metrics: Sequence[str], lightgbm: Lightgbm) -> None:
    """Gives each parameter to LightGBM with a data set of four rows, and each metric with a booster on it.

    `params` are typed and carry LightGBM's own names, with objective and num_class. Raises TrainingError with
    LightGBM's message for every parameter at fault, and naming metrics that LightGBM would leave out without a word.
    """
    problems: list[str] = []
    for name, value in params.items():
        if name == "verbosity":
            # not by LightGBM: the probe would speak as loud as it says
            if not isinstance(value, int):
                problems.append(f"{name}={value}: a whole number is wanted")
            continue
        if name in _PER_COLUMN or name in _DEPENDENT:
            continue
        try:
            _probe_data(lightgbm, {"verbosity": -1, name: value}).free()
        except LightgbmError as error:
            problems.append(f"{name}={value}: {without_source_place(error)}")
    goal = {"verbosity": -1, **{name: params[name] for name in ("objective", "num_class") if name in params}}
    try:
        _evaluated(lightgbm, {**goal, "metric": "None"})
        unknown = [metric for metric in metrics if not _evaluated(lightgbm, {**goal, "metric": metric})]
        problems.extend(f"metric={metric}: LightGBM has no such metric" for metric in unknown)
    except LightgbmError as error:
        problems.append(without_source_place(error))
    if problems:
        raise TrainingError("hyperparameters: " + "; ".join(problems))


def _probe_data(lightgbm: Lightgbm, params: Mapping[str, Any]) -> Dataset:
    data = Dataset.from_columns(lightgbm, np.arange(4.0).reshape(1, 4), params)
    # labels of 1 and one query group are allowed by every objective and metric
    data.set_labels(np.ones(4))
    data.set_query_groups(np.array([4], dtype=np.int32))
    return data


def _evaluated(lightgbm: Lightgbm, params: Mapping[str, Any]) -> list[Evaluation]:
    data = _probe_data(lightgbm, params)
    try:
        booster = Booster(data, None, params)
        results = booster.evaluate(0)
        booster.free()
    finally:
        data.free()
    return results
