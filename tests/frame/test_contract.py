"""The contract's constants agree with AWS's API model and with the program in the image."""

import functools
import importlib
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from lgbm_runtime import environment as runtime_environment
from lgbm_runtime.core import predictor, user_functions
from lgbm_runtime.core.decoding import MAX_BODY_BYTES
from lgbm_runtime.paths import ContainerPaths
from lgbm_runtime.training import failure
from lgbm_sm import contract

PACKAGE = Path(contract.__file__).parent


def shape(service: str, name: str) -> Any:
    return model_of(service).shape_for(name)


@functools.cache
def model_of(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


@pytest.mark.parametrize(
    ("service", "name", "most"),
    [
        ("sagemaker-runtime", "BodyBlob", contract.OLDER_REQUEST_BYTES),
        ("sagemaker-runtime", "CustomAttributesHeader", contract.ATTRIBUTES_CHARACTERS),
        ("sagemaker", "HyperParameters", contract.MOST_HYPERPARAMETERS),
        ("sagemaker", "HyperParameterKey", contract.HYPERPARAMETER_KEY_CHARACTERS),
        ("sagemaker", "HyperParameterValue", contract.HYPERPARAMETER_VALUE_CHARACTERS),
        ("sagemaker", "FailureReason", contract.FAILURE_REASON_CHARACTERS),
        ("sagemaker", "TrainingJobName", contract.NAME_CHARACTERS),
        ("sagemaker", "ModelName", contract.NAME_CHARACTERS),
        ("sagemaker", "EndpointConfigName", contract.NAME_CHARACTERS),
        ("sagemaker", "EndpointName", contract.NAME_CHARACTERS),
        ("sagemaker", "TagList", contract.MOST_TAGS),
        ("sagemaker", "TagKey", contract.TAG_KEY_CHARACTERS),
        ("sagemaker", "TagValue", contract.TAG_VALUE_CHARACTERS),
        (
            "sagemaker",
            "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds",
            contract.LONGEST_STARTUP_SECONDS,
        ),
        ("ecr", "RepositoryName", contract.REPOSITORY_CHARACTERS[1]),
        ("iam", "roleNameType", contract.ROLE_CHARACTERS),
    ],
)
def test_upper_limits_are_those_of_the_api_model(service: str, name: str, most: int) -> None:
    assert shape(service, name).metadata["max"] == most


def test_lower_limits_are_those_of_the_api_model() -> None:
    startup = shape("sagemaker", "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds")
    assert startup.metadata["min"] == contract.SHORTEST_STARTUP_SECONDS
    assert shape("ecr", "RepositoryName").metadata["min"] == contract.REPOSITORY_CHARACTERS[0]


@pytest.mark.parametrize(
    ("service", "name", "pattern"),
    [
        ("sagemaker", "TrainingJobName", contract.NAME_PATTERN),
        ("sagemaker", "EndpointName", contract.NAME_PATTERN),
        ("ecr", "RepositoryName", contract.REPOSITORY_PATTERN),
        ("iam", "roleNameType", contract.ROLE_PATTERN),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "a",
        "Boston-1",
        "boston",
        "a--b",
        "-a",
        "a-",
        "a_b",
        "a__b",
        "a.b",
        "a..b",
        "team/boston",
        "a//b",
        "a+b",
        "a b",
        "",
    ],
)
def test_names_that_a_pattern_takes_are_those_of_the_api_model(
    service: str, name: str, pattern: str, text: str
) -> None:
    theirs = shape(service, name).metadata["pattern"]
    assert bool(re.fullmatch(pattern, text)) == bool(re.fullmatch(theirs, text))


def test_the_program_in_the_image_has_the_same_paths() -> None:
    paths = ContainerPaths()
    assert str(paths.root) == contract.OPT_ML
    config = f"{contract.OPT_ML}/{contract.CONFIG_FOLDER}"
    assert str(paths.hyperparameters_path) == f"{config}/{contract.HYPERPARAMETERS_FILE}"
    assert str(paths.input_data_config_path) == f"{config}/{contract.CHANNELS_FILE}"
    assert str(paths.resource_config_path) == f"{config}/{contract.HOSTS_FILE}"
    assert str(paths.data_path) == contract.DATA_PATH
    assert str(paths.model_path) == contract.MODEL_PATH
    assert str(paths.output_data_path) == f"{contract.OPT_ML}/{contract.OUTPUT_DATA_FOLDER}"
    assert str(paths.failure_path) == contract.FAILURE_PATH


def test_the_program_in_the_image_has_the_same_limits() -> None:
    assert MAX_BODY_BYTES == contract.REQUEST_BYTES
    assert predictor._ATTRIBUTES_LIMIT == contract.ATTRIBUTES_CHARACTERS
    assert user_functions.ATTRIBUTES_HEADER == contract.ATTRIBUTES_HEADER
    assert failure.REASON_LIMIT == contract.FAILURE_REASON_CHARACTERS
    assert runtime_environment.DEFAULT_PORT == contract.SERVING_PORT


def test_the_inference_toolkit_has_the_same_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PACKAGE.parent / "containers" / "inference_toolkit"))
    toolkit = importlib.import_module("lgbm_toolkit.settings")
    assert toolkit.DEFAULT_PORT == contract.SERVING_PORT
    assert toolkit._ANSWER_SECONDS == contract.ANSWER_SECONDS
    assert toolkit._SERVER_LIMIT_BYTES >= contract.REQUEST_BYTES
