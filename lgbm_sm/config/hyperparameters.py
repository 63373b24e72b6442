"""Check the values of `training.hyperparameters`, and convert them to strings for a job."""

import json
import math
import operator
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lgbm_sm import contract
from lgbm_sm.config.problems import UnfitValueError
from lgbm_sm.config.values import HyperparameterValue

_INTEGER = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_MOST_SHOWN = 10
_LARGEST = 2**31 - 1  # LightGBM's integers have 32 bits
_EXPECTED = {"int": "an integer", "double": "a number", "bool": "true or false", "string": "text"}
_TRUTHS = ("true", "false", "+", "-")  # LightGBM also reads + and - as true and false
_LIMITS = {"above": operator.gt, "at_least": operator.ge, "below": operator.lt, "at_most": operator.le}
DEFAULTS = ("None", "null")  # the SDK sends these texts for None; the parameter then keeps its default


def hyperparameter(value: object) -> HyperparameterValue:
    plain = _as_tuple(value)
    parts = [part for item in _parts(plain) for part in _parts(item)]
    for scalar in parts:
        if not isinstance(scalar, str | int | float):
            raise UnfitValueError("text, a number, true, false or a list of these", value)
        if isinstance(scalar, float) and not math.isfinite(scalar):
            raise UnfitValueError("a finite number", value)
    _check_length(as_string(plain))
    return plain  # type: ignore[no-any-return]  # the loop above has looked at every scalar


def _as_tuple(value: object) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _check_length(text: str) -> None:
    if len(text) > contract.HYPERPARAMETER_VALUE_CHARACTERS:
        limit = f"{contract.HYPERPARAMETER_VALUE_CHARACTERS} characters (SageMaker's limit)"
        raise ValueError(f"must have at most {limit}, got {len(text)}")


def hyperparameter_limits(values: Mapping[str, HyperparameterValue]) -> Mapping[str, HyperparameterValue]:
    if len(values) > contract.MOST_HYPERPARAMETERS:
        limit = f"{contract.MOST_HYPERPARAMETERS} hyperparameters (SageMaker's limit)"
        raise ValueError(f"must be at most {limit}, got {len(values)}")
    return values


def check_hyperparameter(rule: Mapping[str, Any], value: HyperparameterValue) -> None:
    """Check a value by LightGBM's own `rule` for its parameter, from lightgbm_parameters.json.

    Raises:
        ValueError: LightGBM would refuse the value, or would read another value.
    """
    kind, options = rule["type"], rule.get("options", ())
    if value in DEFAULTS and value not in options:
        return
    if kind.startswith("vector"):
        from lgbm_sm.config.list_values import list_of

        items = list_of(kind, _as_list(value))
        if options:
            for word in items if isinstance(items, list) else str(items).split(","):
                _check_word(str(word).strip(), options)
    elif isinstance(value, tuple):
        raise UnfitValueError(_EXPECTED[kind], value)
    elif kind == "string":
        _check_text(value, options)
    elif kind == "bool":
        if str(value).lower() not in _TRUTHS:
            raise UnfitValueError(_EXPECTED[kind], value)
    else:
        _check_number(kind, value, rule)


def _as_list(value: HyperparameterValue) -> Any:
    return [_as_list(item) for item in value] if isinstance(value, tuple) else value


def _check_text(value: object, options: list[str]) -> None:
    if options:
        _check_word(str(value).strip(), options)
    elif not str(value).strip():
        raise UnfitValueError("text", value)


def _check_word(word: str, options: list[str]) -> None:
    if word.lower() not in (option.lower() for option in options):
        expected = f"one of {', '.join(options)}" if len(options) < _MOST_SHOWN else "a name that LightGBM knows"
        raise UnfitValueError(expected, word, choices=options)


def _check_number(kind: str, value: object, rule: Mapping[str, Any]) -> None:
    number = _number(kind, value)
    if kind == "int" and abs(number) > _LARGEST:
        raise UnfitValueError(f"an integer of 32 bits (at most {_LARGEST})", value)
    for word, fits in _LIMITS.items():
        if word in rule and not fits(number, rule[word]):
            raise UnfitValueError(f"{word.replace('_', ' ')} {rule[word]:g}", value)


def _number(kind: str, value: object) -> float:
    # a number in quotes has the same value
    written = value.strip() if isinstance(value, str) else ""
    if _INTEGER.fullmatch(written):
        return int(written)
    if kind == "double" and _DECIMAL.fullmatch(written):
        return float(written)
    if isinstance(value, int if kind == "int" else int | float) and not isinstance(value, bool):
        return value
    raise UnfitValueError(_EXPECTED[kind], value)


def file_content(path: Path) -> str:
    """Return the content of a JSON file. A container gets it as a hyperparameter.

    Raises:
        ValueError: the file cannot be read, is not JSON, or is longer than SageMaker accepts.
    """
    try:
        text = json.dumps(json.loads(path.read_text(encoding="utf-8")), separators=(",", ":"))
    except OSError as error:
        raise ValueError(f"failed to read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
    try:
        _check_length(text)
    except ValueError as error:
        raise ValueError(f"{path}: its content is sent as a hyperparameter, which {error}") from error
    return text


def as_string(value: object) -> str:
    """Return the string that the API gets for a value."""
    # the SDK also sends values other than text as JSON
    return value if isinstance(value, str) else json.dumps(value)
