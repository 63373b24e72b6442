"""Check values. Each check returns the value for the configuration or raises ValueError."""

import json
import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from lgbm_sm import contract
from lgbm_sm.config.instance_types import check_instance_type, check_known_size
from lgbm_sm.config.keys import ValueCheck
from lgbm_sm.config.problems import RefusedPartsError, UnfitValueError, collecting
from lgbm_sm.names import LONGEST_PROJECT_NAME

Scalar: TypeAlias = str | int | float | bool
HyperparameterValue: TypeAlias = Scalar | tuple[Scalar | tuple[Scalar, ...], ...]

# the version of Python in each of AWS's XGBoost images
XGBOOST_PYTHON_VERSIONS: Mapping[str, tuple[int, int]] = {"1.5-1": (3, 8), "1.7-1": (3, 9), "3.0-5": (3, 10)}

_LEAST_MEMORY_BYTES = 6 * 1024**2  # Docker's minimum
_LEAST_CPUS = 0.01  # Docker's minimum
LARGEST_RANDOM_STATE = 2**32 - 1  # for numpy.random.RandomState, which scikit-learn uses


def text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise UnfitValueError("text", value, takes_text=True)


def whole_number(least: int, most: int | None = None) -> ValueCheck:
    """Return a check for a whole number from `least` to `most`. None means no upper limit."""

    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise UnfitValueError("a whole number", value)
        if value < least:
            raise UnfitValueError(f"at least {least}", value)
        if most is not None and value > most:
            raise UnfitValueError(f"at most {most}", value)
        return value

    return check


def share(value: object) -> float:
    number = _number(value)
    if not number > 0:
        raise UnfitValueError("above 0", value)
    if not number < 1:
        raise UnfitValueError("below 1", value)
    return number


def cpus(value: object) -> float:
    number = _number(value)
    if not math.isfinite(number):
        raise UnfitValueError("a finite number", value)
    if number < _LEAST_CPUS:
        raise UnfitValueError(f"at least {_LEAST_CPUS}", value)
    return number


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise UnfitValueError("a number", value)


def truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise UnfitValueError("true or false", value)


def choice(kind: type[StrEnum]) -> ValueCheck:
    """Return a check for the values of an enumeration."""

    def check(value: object) -> StrEnum:
        choices = [str(one) for one in kind]
        if isinstance(value, str) and value in choices:
            return kind(value)
        raise UnfitValueError(f"one of {', '.join(choices)}", value, choices=choices)

    return check


def each(check: ValueCheck) -> Callable[[object], tuple[Any, ...]]:
    """Return a check for a list. It applies `check` to each item."""

    def check_items(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise UnfitValueError("a list", value)
        items = []
        refused: dict[str | int, ValueError] = {}
        for position, item in enumerate(value):
            with collecting(refused, position):
                items.append(check(item))
        if refused:
            raise RefusedPartsError(refused)
        return tuple(items)

    return check_items


def _full_match(pattern: str, rule: str, value: object) -> str:
    written = text(value)
    if re.fullmatch(pattern, written):
        return written
    raise ValueError(f'{rule}, got "{written}"')


def project_name(value: object) -> str:
    name = text(value)
    if len(name) > LONGEST_PROJECT_NAME:
        raise ValueError(
            f'must have at most {LONGEST_PROJECT_NAME} characters, got {len(name)}: "{name}" (the names of jobs add '
            f"{contract.NAME_CHARACTERS - LONGEST_PROJECT_NAME}, and SageMaker allows {contract.NAME_CHARACTERS})"
        )
    return _resource_name(name)


def endpoint_name(value: object) -> str:
    name = text(value)
    if len(name) > contract.NAME_CHARACTERS:
        raise ValueError(f'must have at most {contract.NAME_CHARACTERS} characters, got {len(name)}: "{name}"')
    return _resource_name(name)


def _resource_name(name: str) -> str:
    """Check a name by the pattern that SageMaker uses for all its resource names."""
    if re.fullmatch(contract.NAME_PATTERN, name):
        return name
    allowed = re.sub(r"[^a-zA-Z0-9]+", "-", name).strip("-")
    meant = f" (did you mean {allowed}?)" if allowed else ""
    raise ValueError(f'use only letters, digits and hyphens (a hyphen must not be first or last), got "{name}"{meant}')


def data_name(value: object) -> str:
    rule = "use at most 100 letters, digits, hyphens, underscores and dots, beginning with a letter or digit"
    return _full_match(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", rule, value)


def repository(value: object) -> str:
    least, most = contract.REPOSITORY_CHARACTERS
    rule = f"use {least} to {most} lower-case letters and digits, separated by single . _ - or / characters"
    return _full_match(rf"(?=.{{{least},{most}}}\Z){contract.REPOSITORY_PATTERN}", rule, value)


def prefix(value: object) -> str:
    # The characters are S3's "safe characters" for object keys. A part that is empty or consists of dots is not
    # allowed, because many tools cannot read such keys.
    part = r"(?!\.+(?:/|\Z))[A-Za-z0-9!_.*'()-]+"
    rule = "use only letters, digits and _ - . in parts that are separated by single slashes"
    return _full_match(rf"(?=.{{1,512}}\Z){part}(/{part})*", rule, value)


def path(value: object) -> Path:
    if not isinstance(value, Path | str) or not str(value).strip() or "\0" in str(value):
        raise UnfitValueError("a path", value, takes_text=True)
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{value}: cannot determine the home folder for ~") from error


def column(value: object) -> str | int:
    if (isinstance(value, str) and value) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise UnfitValueError("a column's name (text) or position (a whole number)", value, takes_text=True)


def one_or_by_column(check: ValueCheck) -> ValueCheck:
    """Return a check for a value: one for all columns, or a mapping by column."""

    def check_all(value: object) -> Any:
        if not isinstance(value, Mapping):
            return check(value)
        found: dict[str, Any] = {}
        refused: dict[str | int, ValueError] = {}
        for name, single in value.items():
            with collecting(refused, name):
                found[name] = check(single)
        if refused:
            raise RefusedPartsError(refused)
        return found

    return check_all


def missing_texts(value: object) -> tuple[str, ...]:
    """Return texts for missing cells. YAML reads some of these texts as numbers or null."""
    return tuple(map(_missing_text, value if isinstance(value, list | tuple) else (value,)))


def _missing_text(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnfitValueError("a text (in quotes) or a list of texts", value)
    return str(value)


def decimal_mark(value: object) -> str:
    if value in (".", ","):
        return str(value)
    raise UnfitValueError('"." or ","', value)


def thousands_mark(value: object) -> str:
    if value in (",", ".", "'", " "):
        return str(value)
    raise UnfitValueError('"," or "." or "\'" or " " (any kind of space)', value)


def separator(value: object) -> str:
    written = "\t" if value in ("tab", r"\t") else text(value)
    if len(written) == 1 and written.isascii() and not written.isalnum() and written not in '\r\n"\0':
        return written
    raise ValueError(f"must be one character such as ; or | (or tab), got {json.dumps(value)}")


def encoding(value: object) -> str:
    name = text(value)
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f'is not an encoding: "{name}" (use utf-8, utf-16, windows-1252, …)') from error
    return name


def hyperparameter(value: object) -> HyperparameterValue:
    plain = tuple(value) if isinstance(value, list | tuple) else value
    for scalar in plain if isinstance(plain, tuple) else (plain,):
        if not isinstance(scalar, str | int | float):
            raise UnfitValueError("text, a number, true, false or a list of these", value)
        if isinstance(scalar, float) and not math.isfinite(scalar):
            raise UnfitValueError("a finite number", value)
    length = len(plain if isinstance(plain, str) else json.dumps(plain))
    if length > contract.HYPERPARAMETER_VALUE_CHARACTERS:
        limit = f"{contract.HYPERPARAMETER_VALUE_CHARACTERS} characters (SageMaker's limit)"
        raise ValueError(f"must have at most {limit}, got {length}")
    return plain  # type: ignore[return-value]  # the loop above has looked at every scalar


def base_image(value: object) -> str:
    # this refuses only text that must not be in a build argument or in a FROM line; Docker checks the rest
    return _full_match(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}", "must be an image, such as debian:trixie-slim", value)


def xgboost_version(value: object) -> str:
    version = text(value)
    if version in XGBOOST_PYTHON_VERSIONS:
        return version
    known = ", ".join(XGBOOST_PYTHON_VERSIONS)
    raise ValueError(f'must be one of {known} (the images that lgbm-sm supports), got "{version}"')


def entry_point(value: object) -> Path:
    file = path(value)
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise ValueError(f'must be a Python file whose name can be imported, such as inference.py, got "{file}"')
    return file


def bucket(value: object) -> str:
    least, most = contract.BUCKET_CHARACTERS
    rule = f"must be a bucket's name: {least} to {most} lower-case letters, digits, dots and hyphens"
    return _full_match(rf"(?=.{{{least},{most}}}\Z){contract.BUCKET_PATTERN}", rule, value)


def region(value: object) -> str:
    return _full_match(r"[a-z]{2}(-[a-z]+)+-[0-9]", "must be a region, such as eu-central-1", value)


def execution_role(value: object) -> str:
    rule = "must be a role's name or ARN, such as arn:aws:iam::123456789012:role/sagemaker"
    # in an ARN, the name of the role may follow a path
    return _full_match(rf"(arn:aws[a-z-]*:iam::[0-9]{{12}}:role/(\S+/)?)?{contract.ROLE_PATTERN}", rule, value)


def kms_key(value: object) -> str:
    rule = "must be a key's id, ARN or alias, such as alias/models"
    return _full_match(r"[A-Za-z0-9:/_-]{1,2048}", rule, value)


def subnet(value: object) -> str:
    return _full_match(r"subnet-[0-9a-f]{8,17}", "must be a subnet's id, such as subnet-0123456789abcdef0", value)


def security_group(value: object) -> str:
    return _full_match(r"sg-[0-9a-f]{8,17}", "must be a security group's id, such as sg-0123456789abcdef0", value)


def memory(value: object) -> str:
    amount = _full_match(r"[0-9]+[kmg]", "must be a number with k, m or g, such as 512m or 2g", value)
    if int(amount[:-1]) * 1024 ** ("kmg".index(amount[-1]) + 1) < _LEAST_MEMORY_BYTES:
        raise ValueError(f"must be at least 6m, the minimum for a Docker container, got {amount}")
    return amount


def instance_type(value: object) -> str:
    return check_instance_type(text(value))


def known_instance_type(value: object) -> str:
    return check_known_size(text(value))


def variable(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # a whole number keeps its text; YAML would change 1.10 and true, so these need quotes
    return text(value)


def variable_names(values: Mapping[str, str]) -> Mapping[str, str]:
    for name in values:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f'use only letters, digits and underscores in a variable\'s name, got "{name}"')
    return values


def one_host(value: object) -> int:
    count: int = whole_number(1)(value)
    if count > 1:
        raise ValueError(f"must be 1, got {count}: training on several hosts is not supported yet")
    return count
