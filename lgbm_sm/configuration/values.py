"""The kinds of values that a configuration holds; each refuses what it cannot use, in words for the user."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from lgbm_sm.configuration.instance_types import check_instance_type, check_known_size

Scalar: TypeAlias = str | int | float | bool
HyperparameterValue: TypeAlias = Scalar | tuple[Scalar, ...]

# "-YYYY-MM-DD-HH-MM-SS-mmm" follows the project's name, and SageMaker's names end at 63 characters
LONGEST_PROJECT_NAME = 63 - 24

# of AWS's XGBoost images: the Python that each of them runs user code with
XGBOOST_PYTHON_VERSIONS: Mapping[str, tuple[int, int]] = {"1.5-1": (3, 8), "1.7-1": (3, 9), "3.0-5": (3, 10)}

_LONGEST_HYPERPARAMETER_VALUE = 2500  # characters, SageMaker's limit in CreateTrainingJob
_LEAST_MEMORY_BYTES = 6 * 1024**2  # of the Docker engine
_LARGEST_RANDOM_STATE = 2**32 - 1  # of numpy.random.RandomState, which scikit-learn seeds


def _full_match(pattern: str, wanted: str, text: str) -> str:
    if re.fullmatch(pattern, text):
        return text
    raise ValueError(f'{wanted}, not "{text}"')


def _project_name(text: str) -> str:
    if len(text) > LONGEST_PROJECT_NAME:
        raise ValueError(
            f"at most {LONGEST_PROJECT_NAME} characters are wanted, since jobs and endpoints add the time and "
            f'SageMaker\'s names end at 63: "{text}" has {len(text)}'
        )
    if re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", text):  # the pattern of every SageMaker resource name
        return text
    mended = re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-")
    meant = f" (did you mean {mended}?)" if mended else ""
    raise ValueError(f'letters, digits and inner hyphens are wanted, as in SageMaker\'s names, not "{text}"{meant}')


def _data_name(text: str) -> str:
    wanted = "letters, digits, hyphens, underscores and dots are wanted, as in a file's name"
    return _full_match(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", wanted, text)


def _repository(text: str) -> str:
    # the pattern and the lengths of ECR's RepositoryName
    part = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
    wanted = "2 to 256 lower-case letters and digits are wanted, parted by single signs of . _ - /"
    return _full_match(rf"(?=.{{2,256}}\Z){part}(/{part})*", wanted, text)


def _prefix(text: str) -> str:
    # S3's "safe characters" of object keys; an empty part or one of dots only makes keys that many tools cannot read
    part = r"(?!\.+(?:/|\Z))[A-Za-z0-9!_.*'()-]+"
    wanted = "letters, digits and _ - . are wanted, with single slashes inside"
    return _full_match(rf"(?=.{{1,512}}\Z){part}(/{part})*", wanted, text)


def _path(value: object) -> Path:
    if not isinstance(value, Path | str) or not str(value).strip() or "\0" in str(value):
        raise PydanticCustomError("path_text", "a path is wanted")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{value}: ~ stands for a folder that is not known here") from error


def _column(value: object) -> str | int:
    if (isinstance(value, str) and value) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise PydanticCustomError("column", "a column is wanted")


def _hyperparameter(value: object) -> HyperparameterValue:
    plain = tuple(value) if isinstance(value, list | tuple) else value
    for scalar in plain if isinstance(plain, tuple) else (plain,):
        if not isinstance(scalar, str | int | float):
            raise PydanticCustomError("hyperparameter", "a hyperparameter is wanted")
        if isinstance(scalar, float) and not math.isfinite(scalar):
            raise PydanticCustomError("finite_number", "a finite number is wanted")
    length = len(plain if isinstance(plain, str) else json.dumps(plain))
    if length > _LONGEST_HYPERPARAMETER_VALUE:
        raise ValueError(f"the value has {length} characters; SageMaker takes at most {_LONGEST_HYPERPARAMETER_VALUE}")
    return plain  # type: ignore[return-value]  # the loop above has looked at every scalar


def _base_image(text: str) -> str:
    # of an image reference only what a build argument and a FROM line cannot hold is refused; the engine knows the rest
    return _full_match(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}", "an image is wanted, as in debian:trixie-slim", text)


def _xgboost_version(text: str) -> str:
    known = ", ".join(XGBOOST_PYTHON_VERSIONS)
    if text in XGBOOST_PYTHON_VERSIONS:
        return text
    raise ValueError(f'one of {known} is wanted, the images that lgbm-sm has requirements for, not "{text}"')


def _entry_point(value: object) -> Path:
    path = _path(value)
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ValueError(f'a Python file is wanted, whose name can be imported, as in inference.py, not "{path}"')
    return path


def _bucket(text: str) -> str:
    # S3's rules for names of general purpose buckets
    wanted = "3 to 63 lower-case letters, digits, dots and hyphens are wanted, as in a bucket's name"
    return _full_match(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", wanted, text)


def _region(text: str) -> str:
    return _full_match(r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region is wanted, as in eu-central-1", text)


def _execution_role(text: str) -> str:
    wanted = "a role's name or its ARN is wanted, as in arn:aws:iam::123456789012:role/sagemaker"
    # IAM's pattern of role names, and of the path that an ARN has before it
    return _full_match(r"(arn:aws[a-z-]*:iam::[0-9]{12}:role/(\S+/)?)?[A-Za-z0-9+=,.@_-]{1,64}", wanted, text)


def _kms_key(text: str) -> str:
    wanted = "a key's id, ARN or alias is wanted, as in alias/models"
    return _full_match(r"[A-Za-z0-9:/_-]{1,2048}", wanted, text)


def _subnet(text: str) -> str:
    return _full_match(r"subnet-[0-9a-f]{8,17}", "a subnet's id is wanted, as in subnet-0123456789abcdef0", text)


def _security_group(text: str) -> str:
    return _full_match(r"sg-[0-9a-f]{8,17}", "a security group's id is wanted, as in sg-0123456789abcdef0", text)


def _memory(text: str) -> str:
    wanted = "a number with k, m or g is wanted, as in 512m or 2g"
    _full_match(r"[0-9]+[kmg]", wanted, text)
    if int(text[:-1]) * 1024 ** ("kmg".index(text[-1]) + 1) < _LEAST_MEMORY_BYTES:
        raise ValueError(f"at least 6m is wanted, which is what a Docker engine starts a container with, not {text}")
    return text


def _variable(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # YAML's whole numbers are read as they are written; true and 1.10 are not
    if isinstance(value, str):
        return value
    raise PydanticCustomError("string_type", "text is wanted")


def check_variable_names(values: Mapping[str, str]) -> Mapping[str, str]:
    """Returns `values` when every key can name an environment variable; raises ValueError otherwise."""
    for name in values:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f'letters, digits and underscores are wanted in a variable\'s name, not "{name}"')
    return values


Text: TypeAlias = Annotated[str, Field(strict=True)]
WholeNumber: TypeAlias = Annotated[int, Field(strict=True)]
Share: TypeAlias = Annotated[float, Field(strict=True, gt=0, lt=1)]
RandomState: TypeAlias = Annotated[WholeNumber, Field(ge=0, le=_LARGEST_RANDOM_STATE)]
ProjectName: TypeAlias = Annotated[Text, AfterValidator(_project_name)]
DataName: TypeAlias = Annotated[Text, AfterValidator(_data_name)]
Repository: TypeAlias = Annotated[Text, AfterValidator(_repository)]
Prefix: TypeAlias = Annotated[Text, AfterValidator(_prefix)]
XgboostVersion: TypeAlias = Annotated[Text, AfterValidator(_xgboost_version)]
EntryPoint: TypeAlias = Annotated[Path, BeforeValidator(_entry_point)]
Bucket: TypeAlias = Annotated[Text, AfterValidator(_bucket)]
Region: TypeAlias = Annotated[Text, AfterValidator(_region)]
ExecutionRole: TypeAlias = Annotated[Text, AfterValidator(_execution_role)]
KmsKey: TypeAlias = Annotated[Text, AfterValidator(_kms_key)]
Subnet: TypeAlias = Annotated[Text, AfterValidator(_subnet)]
SecurityGroup: TypeAlias = Annotated[Text, AfterValidator(_security_group)]
FilePath: TypeAlias = Annotated[Path, BeforeValidator(_path)]
Column: TypeAlias = Annotated[str | int, PlainValidator(_column, json_schema_input_type=str | int)]
BaseImage: TypeAlias = Annotated[Text, AfterValidator(_base_image)]
Memory: TypeAlias = Annotated[Text, AfterValidator(_memory)]
Variable: TypeAlias = Annotated[str, PlainValidator(_variable, json_schema_input_type=str | int)]
Variables: TypeAlias = Annotated[Mapping[str, Variable], AfterValidator(check_variable_names)]
InstanceType: TypeAlias = Annotated[Text, AfterValidator(check_instance_type)]
KnownInstanceType: TypeAlias = Annotated[Text, AfterValidator(check_known_size)]
Hyperparameter: TypeAlias = Annotated[
    HyperparameterValue,
    PlainValidator(_hyperparameter, json_schema_input_type=HyperparameterValue),
    # pydantic's own serializer warns of the list that it has just made of the tuple
    PlainSerializer(lambda value: list(value) if isinstance(value, tuple) else value),
]
