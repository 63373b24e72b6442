"""What a configuration takes: each check returns the value as it is held, or refuses it in words for the user."""

import json
import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from lgbm_sm import contract
from lgbm_sm.config.instance_types import check_instance_type, check_known_size
from lgbm_sm.config.keys import Check
from lgbm_sm.config.problems import RefusedPartsError, UnfitValueError
from lgbm_sm.names import LONGEST_PROJECT_NAME

Scalar: TypeAlias = str | int | float | bool
HyperparameterValue: TypeAlias = Scalar | tuple[Scalar, ...]

# of AWS's XGBoost images: the Python that each of them runs user code with
XGBOOST_PYTHON_VERSIONS: Mapping[str, tuple[int, int]] = {"1.5-1": (3, 8), "1.7-1": (3, 9), "3.0-5": (3, 10)}

_LEAST_MEMORY_BYTES = 6 * 1024**2  # of the Docker engine
_LEAST_CPUS = 0.01  # of the Docker engine
LARGEST_RANDOM_STATE = 2**32 - 1  # of numpy.random.RandomState, which scikit-learn seeds


def text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise UnfitValueError("text", value, takes_text=True)


def whole_number(least: int, most: int | None = None) -> Check:
    """A check of a range, ends included."""

    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise UnfitValueError("a whole number", value)
        if value < least:
            raise UnfitValueError(f"a number of at least {least}", value)
        if most is not None and value > most:
            raise UnfitValueError(f"a number of at most {most}", value)
        return value

    return check


def share(value: object) -> float:
    number = _number(value)
    if not number > 0:
        raise UnfitValueError("a number above 0", value)
    if not number < 1:
        raise UnfitValueError("a number below 1", value)
    return number


def cpus(value: object) -> float:
    number = _number(value)
    if not math.isfinite(number):
        raise UnfitValueError("a finite number", value)
    if number < _LEAST_CPUS:
        raise UnfitValueError(f"a number of at least {_LEAST_CPUS}", value)
    return number


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise UnfitValueError("a number", value)


def truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise UnfitValueError("true or false", value)


def choice(kind: type[StrEnum]) -> Check:
    """A check of an enumeration's values."""

    def check(value: object) -> StrEnum:
        choices = [str(one) for one in kind]
        if isinstance(value, str) and value in choices:
            return kind(value)
        raise UnfitValueError(f"one of {', '.join(choices)}", value, choices=choices)

    return check


def each(check: Check) -> Callable[[object], tuple[Any, ...]]:
    """A check of a list, item by item."""

    def check_items(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise UnfitValueError("a list", value)
        items = []
        refused: dict[str | int, ValueError] = {}
        for position, item in enumerate(value):
            try:
                items.append(check(item))
            except ValueError as error:
                refused[position] = error
        if refused:
            raise RefusedPartsError(refused)
        return tuple(items)

    return check_items


def _full_match(pattern: str, wanted: str, value: object) -> str:
    written = text(value)
    if re.fullmatch(pattern, written):
        return written
    raise ValueError(f'{wanted}, not "{written}"')


def project_name(value: object) -> str:
    name = text(value)
    if len(name) > LONGEST_PROJECT_NAME:
        raise ValueError(
            f"at most {LONGEST_PROJECT_NAME} characters are wanted, since jobs and endpoints add the time and "
            f'SageMaker\'s names end at {contract.NAME_CHARACTERS}: "{name}" has {len(name)}'
        )
    return _resource_name(name)


def endpoint_name(value: object) -> str:
    name = text(value)
    if len(name) > contract.NAME_CHARACTERS:
        raise ValueError(f'must have at most {contract.NAME_CHARACTERS} characters, got {len(name)}: "{name}"')
    return _resource_name(name)


def _resource_name(name: str) -> str:
    """The pattern of every SageMaker resource name."""
    if re.fullmatch(contract.NAME_PATTERN, name):
        return name
    mended = re.sub(r"[^a-zA-Z0-9]+", "-", name).strip("-")
    meant = f" (did you mean {mended}?)" if mended else ""
    raise ValueError(f'letters, digits and inner hyphens are wanted, as in SageMaker\'s names, not "{name}"{meant}')


def data_name(value: object) -> str:
    wanted = "letters, digits, hyphens, underscores and dots are wanted, as in a file's name"
    return _full_match(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", wanted, value)


def repository(value: object) -> str:
    least, most = contract.REPOSITORY_CHARACTERS
    wanted = f"{least} to {most} lower-case letters and digits are wanted, parted by single signs of . _ - /"
    return _full_match(rf"(?=.{{{least},{most}}}\Z){contract.REPOSITORY_PATTERN}", wanted, value)


def prefix(value: object) -> str:
    # S3's "safe characters" of object keys; an empty part or one of dots only makes keys that many tools cannot read
    part = r"(?!\.+(?:/|\Z))[A-Za-z0-9!_.*'()-]+"
    wanted = "letters, digits and _ - . are wanted, with single slashes inside"
    return _full_match(rf"(?=.{{1,512}}\Z){part}(/{part})*", wanted, value)


def path(value: object) -> Path:
    if not isinstance(value, Path | str) or not str(value).strip() or "\0" in str(value):
        raise UnfitValueError("a path", value, takes_text=True)
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{value}: ~ stands for a folder that is not known here") from error


def column(value: object) -> str | int:
    if (isinstance(value, str) and value) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise UnfitValueError("a column's name (text) or position (a whole number)", value, takes_text=True)


def hyperparameter(value: object) -> HyperparameterValue:
    plain = tuple(value) if isinstance(value, list | tuple) else value
    for scalar in plain if isinstance(plain, tuple) else (plain,):
        if not isinstance(scalar, str | int | float):
            raise UnfitValueError("text, a number, true, false or a list of these", value)
        if isinstance(scalar, float) and not math.isfinite(scalar):
            raise UnfitValueError("a finite number", value)
    length = len(plain if isinstance(plain, str) else json.dumps(plain))
    if length > contract.HYPERPARAMETER_VALUE_CHARACTERS:
        raise ValueError(
            f"the value has {length} characters; SageMaker takes at most {contract.HYPERPARAMETER_VALUE_CHARACTERS}"
        )
    return plain  # type: ignore[return-value]  # the loop above has looked at every scalar


def base_image(value: object) -> str:
    # of an image reference only what a build argument and a FROM line cannot hold is refused; the engine knows the rest
    return _full_match(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}", "an image is wanted, as in debian:trixie-slim", value)


def xgboost_version(value: object) -> str:
    version = text(value)
    if version in XGBOOST_PYTHON_VERSIONS:
        return version
    known = ", ".join(XGBOOST_PYTHON_VERSIONS)
    raise ValueError(f'one of {known} is wanted, the images that lgbm-sm has requirements for, not "{version}"')


def entry_point(value: object) -> Path:
    file = path(value)
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise ValueError(f'a Python file is wanted, whose name can be imported, as in inference.py, not "{file}"')
    return file


def bucket(value: object) -> str:
    least, most = contract.BUCKET_CHARACTERS
    wanted = f"{least} to {most} lower-case letters, digits, dots and hyphens are wanted, as in a bucket's name"
    return _full_match(rf"(?=.{{{least},{most}}}\Z){contract.BUCKET_PATTERN}", wanted, value)


def region(value: object) -> str:
    return _full_match(r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region is wanted, as in eu-central-1", value)


def execution_role(value: object) -> str:
    wanted = "a role's name or its ARN is wanted, as in arn:aws:iam::123456789012:role/sagemaker"
    # an ARN has a path before the name
    return _full_match(rf"(arn:aws[a-z-]*:iam::[0-9]{{12}}:role/(\S+/)?)?{contract.ROLE_PATTERN}", wanted, value)


def kms_key(value: object) -> str:
    wanted = "a key's id, ARN or alias is wanted, as in alias/models"
    return _full_match(r"[A-Za-z0-9:/_-]{1,2048}", wanted, value)


def subnet(value: object) -> str:
    return _full_match(r"subnet-[0-9a-f]{8,17}", "a subnet's id is wanted, as in subnet-0123456789abcdef0", value)


def security_group(value: object) -> str:
    return _full_match(r"sg-[0-9a-f]{8,17}", "a security group's id is wanted, as in sg-0123456789abcdef0", value)


def memory(value: object) -> str:
    amount = _full_match(r"[0-9]+[kmg]", "a number with k, m or g is wanted, as in 512m or 2g", value)
    if int(amount[:-1]) * 1024 ** ("kmg".index(amount[-1]) + 1) < _LEAST_MEMORY_BYTES:
        raise ValueError(f"at least 6m is wanted, which is what a Docker engine starts a container with, not {amount}")
    return amount


def instance_type(value: object) -> str:
    return check_instance_type(text(value))


def known_instance_type(value: object) -> str:
    return check_known_size(text(value))


def variable(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # YAML's whole numbers are read as they are written; true and 1.10 are not
    return text(value)


def variable_names(values: Mapping[str, str]) -> Mapping[str, str]:
    for name in values:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f'letters, digits and underscores are wanted in a variable\'s name, not "{name}"')
    return values


def one_host(value: object) -> int:
    count: int = whole_number(1)(value)
    if count > 1:
        raise ValueError(f"training on several hosts is not supported yet: 1 is wanted, not {count}")
    return count


def hyperparameter_limits(values: Mapping[str, HyperparameterValue]) -> Mapping[str, HyperparameterValue]:
    if len(values) > contract.MOST_HYPERPARAMETERS:
        raise ValueError(
            f"{len(values)} hyperparameters are given; SageMaker takes at most {contract.MOST_HYPERPARAMETERS}"
        )
    return values
