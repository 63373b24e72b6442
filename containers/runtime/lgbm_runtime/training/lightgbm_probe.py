"""Let LightGBM check the parameters before the data is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.training_api import Booster, Dataset, Evaluation, Lightgbm, LightgbmError

# LightGBM compares these with the number of columns, but the test data has only one column
_PER_COLUMN = frozenset({"max_bin_by_feature"})
# these are checked together with the objective
_DEPENDENT = frozenset({"num_class", "objective", "metric"})
_SOURCE_PLACE = re.compile(r" at \S+, line \d+ \.")


def without_source_place(message: object) -> str:
    """Return LightGBM's message without the file and the line of its C++ code."""
    return _SOURCE_PLACE.sub("", str(message)).strip()


def check_parameters(params: Mapping[str, Any], metrics: Sequence[str], lightgbm: Lightgbm) -> None:
    """Pass each parameter and each metric to LightGBM with a data set of four rows.

    `params` are typed and have LightGBM's main names. They include objective and num_class. Raises TrainingError if
    LightGBM refuses a parameter or would silently ignore a metric. The message has LightGBM's message for every wrong
    parameter.
    """
    problems: list[str] = []
    for name, value in params.items():
        if name == "verbosity":
            # LightGBM does not check this parameter, and would write more to the log
            if not isinstance(value, int):
                problems.append(f"{name} must be a whole number, got {value}")
            continue
        if name in _PER_COLUMN or name in _DEPENDENT:
            continue
        try:
            _probe_data(lightgbm.with_parameters({"verbosity": -1, name: value})).free()
        except LightgbmError as error:
            problems.append(f"{name}={value}: {without_source_place(error)}")
    goal = {"verbosity": -1, **{name: params[name] for name in ("objective", "num_class") if name in params}}
    try:
        _evaluated(lightgbm.with_parameters({**goal, "metric": "None"}))
        unknown = [metric for metric in metrics if not _evaluated(lightgbm.with_parameters({**goal, "metric": metric}))]
        problems.extend(f"metric={metric} is not a LightGBM metric" for metric in unknown)
    except LightgbmError as error:
        problems.append(without_source_place(error))
    if problems:
        raise TrainingError("hyperparameters: " + "; ".join(problems))


def _probe_data(lightgbm: Lightgbm) -> Dataset:
    data = Dataset.from_columns(lightgbm, np.arange(4.0).reshape(1, 4))
    # every objective and metric allows labels of 1 and a single query group
    data.set_labels(np.ones(4))
    data.set_query_groups(np.array([4], dtype=np.int32))
    return data


def _evaluated(lightgbm: Lightgbm) -> list[Evaluation]:
    data = _probe_data(lightgbm)
    try:
        booster = Booster(data, None)
        results = booster.evaluate(0)
        booster.free()
    finally:
        data.free()
    return results
