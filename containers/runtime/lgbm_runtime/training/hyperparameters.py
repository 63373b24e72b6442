"""Read hyperparameters.json: turn strings into typed LightGBM parameters.

SageMaker passes every value as a string, and some clients encode each value as JSON once more (`31` and `"31"` are the
same value here). The names and aliases come from the installed LightGBM.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.list_values import list_of
from lgbm_runtime.training.parameter_table import FILES, OTHER_NAMES, PER_FEATURE, TYPES
from lgbm_runtime.training.refused_parameters import REFUSED, is_platform_key
from lgbm_runtime.training.training_api import Lightgbm

# LightGBM's own
DEFAULT_NUM_ITERATIONS = 100
DEFAULT_OBJECTIVE = "regression"

# any JSON value except an object
Value = Any

# LightGBM accepts decimals such as `.5` and `5.`, but JSON does not
_DECIMAL = re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?")
_NO_METRIC = frozenset({"None", "none", "null", "na", "custom"})


@dataclass(frozen=True)
class Hyperparameters:
    """Typed hyperparameters. Aliases are replaced by LightGBM's main names.

    `values` are all given parameters. `num_iterations` is at least 1. If `early_stopping_round` is 0, early stopping is
    off. `ignored` are keys that SageMaker or its SDK added. `names` maps LightGBM's main name of each given parameter
    to the name that the user wrote. Only this module reads `values`. Other modules use the properties.
    """

    values: Mapping[str, Value]
    num_iterations: int
    early_stopping_round: int
    ignored: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def params(self) -> dict[str, Value]:
        """The parameters for LightGBM, without the number of rounds and early stopping."""
        apart = ("num_iterations", "early_stopping_round")
        return {key: value for key, value in self.values.items() if key not in apart}

    def log(self) -> None:
        """Print all given parameters as one line."""
        print(f"hyperparameters: {json.dumps(dict(self.values), sort_keys=True)}", flush=True)

    def check_lists(self, features: int) -> None:
        """Raise TrainingError for a list that does not fit the number of features."""
        for name in PER_FEATURE & self.values.keys():
            given = len(self.values[name])
            if given not in (0, features):
                raise TrainingError(
                    f"hyperparameters: {name} must have one item for each of the {features} features, got {given}"
                )
        for index in (index for group in self.values.get("interaction_constraints", ()) for index in group):
            if not 0 <= index < features:
                raise TrainingError(
                    f"hyperparameters: interaction_constraints has the feature {index}: "
                    f"the data has the features 0 to {features - 1}"
                )

    def configure(self, lightgbm: Lightgbm, added: Mapping[str, Value]) -> Lightgbm:
        """Return the library with `params` and the parameters in `added`."""
        return lightgbm.with_parameters({**self.params, **added})

    @property
    def objective(self) -> str:
        """The objective, with the name that the user wrote."""
        return str(self.values.get("objective", DEFAULT_OBJECTIVE))

    @property
    def rounds_name(self) -> str:
        """The name under which the user sets the number of rounds."""
        return self.names.get("num_iterations", "num_boost_round")

    @property
    def early_stopping_name(self) -> str:
        """The name under which the user sets early stopping."""
        return self.names.get("early_stopping_round", "early_stopping_round")

    @property
    def early_stopping_min_delta(self) -> float:
        return float(self.values.get("early_stopping_min_delta", 0.0))

    @property
    def first_metric_only(self) -> bool:
        return bool(self.values.get("first_metric_only", False))

    @property
    def changes_earlier_trees(self) -> bool:
        """Whether each iteration changes the weights of earlier trees."""
        return self.values.get("boosting") == "dart"

    @property
    def fits_linear_trees(self) -> bool:
        return bool(self.values.get("linear_tree"))

    @property
    def evaluates_training(self) -> bool:
        """Whether the metrics are computed on the training data too."""
        return self.values.get("is_provide_training_metric") is not False

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the user named. Empty means the objective's own metric, or no metric."""
        given = self.values.get("metric", "")
        names = given if isinstance(given, list) else str(given).split(",")
        return tuple(str(name) for name in names if name and name not in _NO_METRIC)

    @property
    def evaluates(self) -> bool:
        """Whether there is any metric. With `metric=None`, there is none."""
        return "metric" not in self.values or bool(self.metrics)


def read_hyperparameters(path: Path, aliases: Mapping[str, str], output_path: Path) -> Hyperparameters:
    """Read and check hyperparameters.json. Without hyperparameters, the file may be missing.

    `aliases` maps the names and aliases of the installed LightGBM to its main names. If a hyperparameter has the
    content of a file for LightGBM, the content is written to a file in `output_path`. Raises TrainingError if
    hyperparameters.json is not a flat JSON object, and for the errors of `parse_hyperparameters`.
    """
    if not path.exists():
        return parse_hyperparameters({}, aliases)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(raw, dict):
        raise TrainingError(f"{path.name} must contain one JSON object of names and values")
    read = parse_hyperparameters(raw, aliases)
    return replace(read, values={name: _with_file(name, value, output_path) for name, value in read.values.items()})


def _with_file(name: str, value: Value, output_path: Path) -> Value:
    """Return the value. If it is the content of a file, write the file and return its path."""
    if name not in FILES:
        return value
    path = output_path / f"{name}.json"
    if isinstance(value, (dict, list)):
        output_path.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")
        # a path with spaces is not possible, because spaces separate LightGBM's parameters; a relative path may have
        # none
        shown = str(path) if _is_one_word(str(path)) else os.path.relpath(path)
        if not _is_one_word(shown):
            raise TrainingError(
                f"hyperparameters: {name}: LightGBM cannot read files in {output_path}: the path contains spaces"
            )
        return shown
    if not Path(str(value)).is_file():
        raise TrainingError(
            f"hyperparameters: {name}: the file {value} does not exist in the container: pass its content"
        )
    return value


def _is_one_word(text: str) -> bool:
    return text.split() == [text]


def parse_hyperparameters(raw: Mapping[str, Any], aliases: Mapping[str, str]) -> Hyperparameters:
    """Convert the values to their types, and replace aliases by LightGBM's main names.

    Raises TrainingError if a key is unknown, is refused in the container, is given twice with different values, or has
    an invalid value. The message has every wrong key.
    """
    problems: list[str] = []
    ignored: list[str] = []
    given: dict[str, tuple[str, Value]] = {}
    for key, text in raw.items():
        if is_platform_key(key):
            ignored.append(key)
            continue
        canonical = aliases.get(key)
        if canonical is None:
            problems.append(_unknown(key, aliases))
            continue
        if canonical in REFUSED:
            problems.append(f"{key} cannot be set here: {REFUSED[canonical]}")
            continue
        try:
            value = typed_value(canonical, text)
        except ValueError as error:
            problems.append(f"{key}: {error}")
            continue
        if value is None:
            continue
        if canonical in given and given[canonical][1] != value:
            other, first = given[canonical]
            problems.append(f"{other}={first} and {key}={value} are two values of the same parameter: set only one")
            continue
        given.setdefault(canonical, (key, value))
    rounds = _whole(given, "num_iterations", DEFAULT_NUM_ITERATIONS, problems)
    stopping = _whole(given, "early_stopping_round", 0, problems)
    if rounds < 1:
        problems.append(f"{given['num_iterations'][0]} must be at least 1, got {rounds}")
    if not isinstance(given.get("first_metric_only", ("", False))[1], bool):
        problems.append("{} must be true or false, got {}".format(*given["first_metric_only"]))
    if problems:
        raise TrainingError("hyperparameters: " + "; ".join(problems))
    values = {canonical: value for canonical, (_, value) in given.items()}
    names = {canonical: key for canonical, (key, _) in given.items()}
    return Hyperparameters(values, rounds, max(stopping, 0), tuple(ignored), names)


def typed_value(name: str, text: Any) -> Value:
    """Return the value of a parameter, or None to keep its default.

    JSON is decoded. If the result is a text, it is decoded a second time. Python's `True` and `False` are booleans. Any
    other text stays text. A list may be written as in JSON, in Python or for LightGBM's command line. Raises ValueError
    for an object, for an empty text, and for a text with spaces, because spaces separate LightGBM's parameters. Also
    raises ValueError for a list that LightGBM would misread without an error. The message then has the position of the
    wrong item.
    """
    value = text
    for _ in range(2):
        value = _decoded(value) if isinstance(value, str) else value
    if value is None or value == "None":
        # only `metric` has the value `None`, which means no metric
        return "None" if name == "metric" else None
    if name in FILES and isinstance(value, (dict, list)):
        return value
    if isinstance(value, dict):
        raise ValueError("must be a number, text or a list, got an object")
    kind = TYPES.get(name, "string")
    if kind.startswith("vector"):
        value = list_of(kind, value)
    elif isinstance(value, list):
        raise ValueError(f"must be one value, not the list {value}")
    if kind in ("vector<int>", "vector<double>", "vector<vector<int>>"):
        return value
    for part in value if isinstance(value, list) else [value]:
        if part == "":
            raise ValueError("must not be empty")
        if isinstance(part, str) and not _is_one_word(part):
            raise ValueError(f"must not contain spaces, got {part!r}")
    return value


def _decoded(text: str) -> Value:
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        stripped = re.sub(r"\s*,\s*", ",", text.strip())
    if stripped in ("True", "False"):
        return stripped == "True"
    return float(stripped) if _DECIMAL.fullmatch(stripped) else stripped


def _unknown(key: str, aliases: Mapping[str, str]) -> str:
    folded = key.strip().lower().replace("-", "_")
    allowed = [name for name, canonical in aliases.items() if canonical not in REFUSED]
    if folded in OTHER_NAMES:
        return f"{key} is not a LightGBM parameter: {OTHER_NAMES[folded]}"
    close = difflib.get_close_matches(folded, allowed, n=1, cutoff=0.6)
    return f"{key} is not a LightGBM parameter" + (f" (did you mean {close[0]}?)" if close else "")


def _whole(given: Mapping[str, tuple[str, Value]], name: str, default: int, problems: list[str]) -> int:
    key, value = given.get(name, (name, default))
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    problems.append(f"{key} must be a whole number, got {value}")
    return default
