"""hyperparameters.json: strings in, typed LightGBM parameters out.

The platform hands every value over as a string, and some clients encode each value as JSON once more (`31` and
`"31"` are the same value here). Names and aliases are those of the LightGBM library that is installed.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.parameter_names import REFUSED, is_platform_key

DEFAULT_NUM_ITERATIONS = 100  # LightGBM's own default for num_iterations

# A parameter's value: what JSON knows, without objects.
Value = Any

# LightGBM takes a decimal such as `.5` or `5.`, which JSON does not.
_DECIMAL = re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?")
_NO_METRIC = frozenset({"None", "none", "null", "na", "custom"})


@dataclass(frozen=True)
class Hyperparameters:
    """Typed hyperparameters under LightGBM's own names (aliases are resolved).

    `values` holds everything that was given; `num_iterations` is at least 1; `early_stopping_round` 0 means off;
    `ignored` are the platform's own keys.
    """

    values: Mapping[str, Value]
    num_iterations: int
    early_stopping_round: int
    ignored: tuple[str, ...] = ()

    @property
    def params(self) -> dict[str, Value]:
        """The parameters for `lightgbm.train`, without the number of rounds and early stopping."""
        apart = ("num_iterations", "early_stopping_round")
        return {key: value for key, value in self.values.items() if key not in apart}

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics asked for by name; empty when the objective's own metric is used, or none at all."""
        given = self.values.get("metric", "")
        names = given if isinstance(given, list) else str(given).split(",")
        return tuple(str(name) for name in names if name and name not in _NO_METRIC)

    @property
    def evaluates(self) -> bool:
        """Whether there is any metric: `metric=None` switches them off."""
        return "metric" not in self.values or bool(self.metrics)


def read_hyperparameters(path: Path, aliases: Mapping[str, str]) -> Hyperparameters:
    """Reads and checks the file; one that does not exist means none were given.

    `aliases` are those of the library that will train. Raises TrainingError when the file is no flat JSON object, and
    as `parse_hyperparameters` does.
    """
    if not path.exists():
        return parse_hyperparameters({}, aliases)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(raw, dict):
        raise TrainingError(f"{path.name} must hold one JSON object of names and values")
    return parse_hyperparameters(raw, aliases)


def parse_hyperparameters(raw: Mapping[str, Any], aliases: Mapping[str, str]) -> Hyperparameters:
    """Types the values and resolves the aliases.

    Raises TrainingError naming every key at fault at once: unknown (with a suggestion), refused in the container
    (with the reason), given twice with different values, or not a value at all.
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
            problems.append(f"{other}={first} and {key}={value} are the same parameter with two values: give one")
            continue
        given.setdefault(canonical, (key, value))
    rounds = _whole(given, "num_iterations", DEFAULT_NUM_ITERATIONS, problems)
    stopping = _whole(given, "early_stopping_round", 0, problems)
    if rounds < 1:
        problems.append(f"{given['num_iterations'][0]}={rounds}: at least 1 is needed")
    if not isinstance(given.get("first_metric_only", ("", False))[1], bool):
        problems.append(f"{given['first_metric_only'][0]}={given['first_metric_only'][1]}: true or false is needed")
    if problems:
        raise TrainingError("hyperparameters: " + "; ".join(problems))
    values = {canonical: value for canonical, (_, value) in given.items()}
    return Hyperparameters(values, rounds, max(stopping, 0), tuple(ignored))


def typed_value(name: str, text: Any) -> Value:
    """The value that `text` stands for, or None where the parameter is left at its default.

    A text that is JSON is decoded, and decoded once more when it was a quoted string; `True` and `False` as Python
    writes them are truth values; anything else stays text. Raises ValueError for an object, an empty text, and a text
    with blanks inside: LightGBM takes its parameters as one line with blanks between them.
    """
    value = _decoded(text) if isinstance(text, str) else text
    if isinstance(value, str):
        value = _decoded(value)
    if isinstance(value, dict):
        raise ValueError("a number, a text or a list is needed, not an object")
    if name == "metric":
        # `None` is a word of LightGBM's own here: no metric at all
        value = "None" if value is None else value
    elif value is None or value == "None":
        return None
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str) and (not part or part.split() != [part]):
            raise ValueError("the value is empty" if not part else f"{part!r} has a blank in it")
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
    close = difflib.get_close_matches(folded, allowed, n=1, cutoff=0.6)
    return f"{key} is not a parameter of LightGBM" + (f" (did you mean {close[0]}?)" if close else "")


def _whole(given: Mapping[str, tuple[str, Value]], name: str, default: int, problems: list[str]) -> int:
    key, value = given.get(name, (name, default))
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    problems.append(f"{key}={value}: a whole number is needed")
    return default
