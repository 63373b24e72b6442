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
from tests.cloud.emulator import ACCOUNT, Call, Emulator
from tests.cloud.emulator.permissions import Asked, Permissions, allows
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
PROJECT = "sagemaker-lightgbm-regression"
NAME = f"{PROJECT}-2026-11-25-10-00-00-000"
ARN = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}"
JOB_STREAM = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": f"{NAME}/algo-1-1764064800"}
ENDPOINT_STREAM = {"logGroupName": f"/aws/sagemaker/Endpoints/{NAME}", "logStreamName": "AllTraffic/i-0123456789"}
TAGS = [{"Key": "lgbm-sm:project", "Value": PROJECT}]
RUNS_AS = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
# what training jobs and endpoints ask of AWS, by the service that is asked
JOBS_AND_ENDPOINTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "sagemaker": [
        ("CreateTrainingJob", {"TrainingJobName": NAME, "RoleArn": RUNS_AS, "Tags": TAGS}),
        ("DescribeTrainingJob", {"TrainingJobName": NAME}),
        ("StopTrainingJob", {"TrainingJobName": NAME}),
        ("DeleteTrainingJob", {"TrainingJobName": NAME}),
        ("ListTrainingJobs", {"NameContains": PROJECT}),
        ("CreateModel", {"ModelName": NAME, "ExecutionRoleArn": RUNS_AS, "Tags": TAGS}),
        ("DescribeModel", {"ModelName": NAME}),
        ("DeleteModel", {"ModelName": NAME}),
        ("ListModels", {"NameContains": PROJECT}),
        ("CreateEndpointConfig", {"EndpointConfigName": NAME, "Tags": TAGS}),
        ("DescribeEndpointConfig", {"EndpointConfigName": NAME}),
        ("DeleteEndpointConfig", {"EndpointConfigName": NAME}),
        ("ListEndpointConfigs", {"NameContains": PROJECT}),
        ("CreateEndpoint", {"EndpointName": NAME, "EndpointConfigName": NAME, "Tags": TAGS}),
        ("UpdateEndpoint", {"EndpointName": NAME, "EndpointConfigName": NAME}),
        ("DescribeEndpoint", {"EndpointName": NAME}),
        ("DeleteEndpoint", {"EndpointName": NAME}),
        ("ListEndpoints", {"NameContains": PROJECT}),
        ("ListTags", {"ResourceArn": f"{ARN}:endpoint/{NAME}"}),
        ("AddTags", {"ResourceArn": f"{ARN}:model/{NAME}", "Tags": TAGS}),
    ],
    "sagemaker-runtime": [("InvokeEndpoint", {"EndpointName": NAME})],
    "logs": [
        ("DescribeLogGroups", {"logGroupNamePrefix": f"/aws/sagemaker/Endpoints/{PROJECT}-"}),
        ("DescribeLogStreams", {"logGroupName": JOB_STREAM["logGroupName"], "logStreamNamePrefix": f"{NAME}/"}),
        ("DescribeLogStreams", {"logGroupName": ENDPOINT_STREAM["logGroupName"]}),
        ("GetLogEvents", JOB_STREAM),
        ("GetLogEvents", ENDPOINT_STREAM),
        ("DeleteLogStream", JOB_STREAM),
        ("DeleteLogGroup", {"logGroupName": ENDPOINT_STREAM["logGroupName"]}),
    ],
    "resourcegroupstaggingapi": [("GetResources", {"TagFilters": [{"Key": "lgbm-sm:project", "Values": [PROJECT]}]})],
}


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


@pytest.mark.parametrize("project", [PROJECT, PROJECT.title()])
def test_the_policy_is_enough_for_jobs_and_endpoints_and_no_statement_is_too_many(
    lgbm_sm: CommandLine, project: str
) -> None:
    policy = json.loads(lgbm_sm("policy", "--set", f"project.name={project}").stdout)
    permissions = Permissions(policy)
    for service, calls in JOBS_AND_ENDPOINTS.items():
        for operation, parameters in calls:
            named = json.loads(json.dumps(parameters).replace(PROJECT, project))
            permissions.check(Call(service, operation, named, "eu-west-1", "key"))
    others = DATA | IMAGES | LOOKS
    assert needed(policy, permissions.asked) == {statement["Sid"] for statement in policy["Statement"]} - others
