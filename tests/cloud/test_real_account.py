"""The lifecycle in a real account: `pytest --run-aws tests/cloud/test_real_account.py`.

It costs some cents, and takes ten to twenty minutes. The account and the region are those of the AWS CLI.
LGBM_SM_TEST_EXECUTION_ROLE names a role that SageMaker may assume. `lgbm-sm policy --role` prints the policy that the
role needs. The quotas of ml.m4.2xlarge for training and of ml.m4.xlarge for endpoints must be at least 1.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cloud.projects import numbers, result

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.timeout(7200)]

HERE = ("--set", "training.instance_type=local", "--set", "endpoint.instance_type=local")


@pytest.fixture
def lgbm_sm(tmp_path: Path) -> Iterator[CommandLine]:
    """A command line in a new project with a new prefix."""
    role = os.environ.get("LGBM_SM_TEST_EXECUTION_ROLE")
    assert role, "LGBM_SM_TEST_EXECUTION_ROLE names no role"
    name = f"lgbm-sm-test-{uuid.uuid4().hex[:8]}"
    settings = {
        "PROJECT__NAME": name,
        "AWS__PREFIX": name,
        "AWS__EXECUTION_ROLE": role,
        "TRAINING__INSTANCE_TYPE": "ml.m4.2xlarge",
        "ENDPOINT__INSTANCE_TYPE": "ml.m4.xlarge",
    }
    environment = {f"LGBM_SM_{section}": value for section, value in settings.items()}
    command_line = CommandLine(tmp_path, environment, timeout_seconds=3600)
    try:
        yield command_line
    finally:
        cleaned = result(command_line, "cleanup", "--yes", "--logs")
    assert cleaned["left"] == []
    assert result(command_line, "status")["items"] == []


def test_a_models_whole_life_in_a_real_account_leaves_nothing(lgbm_sm: CommandLine) -> None:
    local = numbers(lgbm_sm("run", *HERE).stdout)
    lgbm_sm("prepare-data", "--upload")
    lgbm_sm("build")
    lgbm_sm("push")
    assert result(lgbm_sm, "train")["status"] == "Completed"
    first = result(lgbm_sm, "deploy")["endpoint"]
    assert result(lgbm_sm, "predict")["predictions"] == local
    states = {item["kind"]: item["state"] for item in result(lgbm_sm, "status")["items"]}
    assert states["endpoint"] == "InService"
    assert states["training_job"] == "Completed"
    assert result(lgbm_sm, "deploy")["endpoint"]["name"] == first["name"]
    assert " serving " in lgbm_sm("logs").stdout
    assert "iteration=" in lgbm_sm("logs", "--training").stdout
