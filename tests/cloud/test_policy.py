"""What `lgbm-sm policy` prints is enough for the commands, and each of its statements is needed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.cli.conftest import CommandLine
from tests.cloud.conftest import ROLE
from tests.cloud.emulator import ACCOUNT, Emulator
from tests.cloud.emulator.permissions import Asked, allows
from tests.unit.test_doctor import NO_ENGINE

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud"), pytest.mark.timeout(600)]

DATA = {"LookAtBucket", "FindObjects", "ReadObjects", "WriteObjects", "DeleteObjects", "MakeBucket"}
IMAGES = {
    "LogInToRegistry",
    "LookAtRepositories",
    "MakeRepositories",
    "PushImages",
    "ReadManifests",
    "DeleteImages",
}
LOOKS = {"LookAtRole", "LookAtQuotas"}
ON_AWS = ["--set", "training.instance_type=ml.m4.2xlarge", "--set", "endpoint.instance_type=ml.m4.xlarge"]


@pytest.fixture
def lgbm_sm(aws_without_engine: Emulator, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, {**aws_without_engine.environment(), "HOME": str(tmp_path)})


def enforce(lgbm_sm: CommandLine, aws: Emulator, *without: str) -> dict[str, Any]:
    """Have the account allow what the command prints, but for some statements; returns that policy."""
    policy: dict[str, Any] = json.loads(lgbm_sm("policy").stdout)
    kept = [statement for statement in policy["Statement"] if statement["Sid"] not in without]
    aws.permissions.reset()
    aws.permissions.policy = {**policy, "Statement": kept}
    return aws.permissions.policy


def denied(aws: Emulator) -> list[str]:
    return [f"{one.call}" for one in aws.faults.calls if "Denied" in one.refused]


def needed(policy: dict[str, Any], asked: set[Asked]) -> set[str]:
    """The statements without one of which something is denied that was asked for."""
    found = set()
    for statement in policy["Statement"]:
        rest = {**policy, "Statement": [other for other in policy["Statement"] if other is not statement]}
        if not all(allows(rest, one) for one in asked):
            found.add(statement["Sid"])
    return found


def test_the_policy_is_enough_for_data_and_each_statement_about_them_is_needed(
    aws_without_engine: Emulator, lgbm_sm: CommandLine
) -> None:
    aws = aws_without_engine
    policy = enforce(lgbm_sm, aws)
    lgbm_sm("prepare-data", "--upload")
    lgbm_sm("prepare-data", "--upload", "--set", "data.name=diabetes")
    lgbm_sm("status")
    without_engine = CommandLine(lgbm_sm.folder, {**lgbm_sm.environment, "DOCKER_HOST": NO_ENGINE})
    without_engine("doctor", *ON_AWS, "--execution-role", ROLE, exit_code=5)  # both types need an image
    assert "nothing left" in lgbm_sm("cleanup", "--yes").stdout
    assert denied(aws) == []
    assert needed(policy, aws.permissions.asked) == DATA | LOOKS | {"LookAtRepositories"}


def test_a_command_says_which_permission_is_missing_when_a_statement_is_left_out(
    aws_without_engine: Emulator, lgbm_sm: CommandLine
) -> None:
    enforce(lgbm_sm, aws_without_engine, "WriteObjects")
    refused = lgbm_sm("prepare-data", "--upload", exit_code=6)
    assert "s3:PutObject" in refused.stderr


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:PutObject", f"arn:aws:s3:::sagemaker-eu-west-1-{ACCOUNT}/theirs/a.csv"),
        ("s3:DeleteObjectVersion", f"arn:aws:s3:::sagemaker-eu-west-1-{ACCOUNT}/demo_lightgbm2/a.csv"),
        ("s3:DeleteBucket", f"arn:aws:s3:::sagemaker-eu-west-1-{ACCOUNT}"),
        ("ecr:DeleteRepository", f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/theirs"),
        ("sagemaker:DeleteEndpoint", f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/theirs"),
        ("sagemaker:DeleteEndpoint", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/sagemaker-lightgbm-regression-1"),
        ("logs:DeleteLogGroup", f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin"),
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/lgbm-sm-execution"),
    ],
)
def test_what_is_somebody_elses_stays_out_of_reach(lgbm_sm: CommandLine, action: str, resource: str) -> None:
    policy = json.loads(lgbm_sm("policy").stdout)
    assert not allows(policy, Asked(action, resource))


def test_the_role_may_be_passed_to_no_other_service(lgbm_sm: CommandLine) -> None:
    policy = json.loads(lgbm_sm("policy").stdout)
    role = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
    for service, allowed in (("sagemaker.amazonaws.com", True), ("lambda.amazonaws.com", False)):
        assert allows(policy, Asked("iam:PassRole", role, (("iam:PassedToService", service),))) is allowed


@pytest.fixture
def with_image(
    aws: Emulator, engine: docker.DockerClient, base_image: str, byoc_image: str, docker_session: str, tmp_path: Path
) -> Iterator[CommandLine]:
    name = f"test-{docker_session}-{uuid.uuid4().hex[:6]}"
    environment = {"LGBM_SM_PROJECT__NAME": name, "LGBM_SM_CONTAINER__BASE_IMAGE": base_image, "HOME": str(tmp_path)}
    command_line = CommandLine(tmp_path, {**aws.environment(), **environment})
    command_line("build")
    yield command_line
    aws.permissions.reset()
    command_line("cleanup", "--yes")
    assert engine.images.list(name) == []


@pytest.mark.docker
def test_the_policy_is_enough_for_images_and_each_statement_about_them_is_needed(
    aws: Emulator, with_image: CommandLine
) -> None:
    policy = enforce(with_image, aws)
    with_image("push")
    assert "unchanged" in with_image("push").stderr
    with_image("status")
    assert "nothing left" in with_image("cleanup", "--yes").stdout
    assert denied(aws) == []
    assert needed(policy, aws.permissions.asked) == IMAGES


@pytest.mark.docker
def test_a_push_says_which_permission_is_missing_when_a_statement_is_left_out(
    aws: Emulator, with_image: CommandLine
) -> None:
    enforce(with_image, aws, "PushImages")
    refused = with_image("push", exit_code=5)
    assert "is not authorized to perform: ecr:InitiateLayerUpload" in refused.stderr
