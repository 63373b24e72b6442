"""The policy of `lgbm-sm policy` is sufficient, and each of its statements is necessary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cloud.emulator import ACCOUNT, Emulator
from tests.cloud.emulator.permissions import Asked, allows
from tests.cloud.projects import PUSHED, result
from tests.cloud.pushed import Project
from tests.cloud.roles import ROLE
from tests.doctor.test_doctor import NO_ENGINE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DATA = {"LookAtBucket", "FindVersions", "FindUploads", "ReadObjects", "WriteObjects", "DeleteObjects", "MakeBucket"}
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
# Service Quotas gives AWS's defaults where it has no quota of the account's own
SELDOM = {"servicequotas:ListAWSDefaultServiceQuotas"}


@pytest.fixture
def lgbm_sm(aws_without_engine: Emulator, fork_server: ForkServer, tmp_path: Path) -> CommandLine:
    environment = {**aws_without_engine.environment(), "HOME": str(tmp_path)}
    return ForkedCommandLine(tmp_path, environment, server=fork_server)


def enforce(lgbm_sm: CommandLine, aws: Emulator, *without: str) -> dict[str, Any]:
    """Enforce the policy that the command prints, without some statements. Return the policy."""
    policy: dict[str, Any] = json.loads(lgbm_sm("policy").stdout)
    kept = [statement for statement in policy["Statement"] if statement["Sid"] not in without]
    aws.permissions.reset()
    aws.permissions.policy = {**policy, "Statement": kept}
    return aws.permissions.policy


def denied(aws: Emulator) -> list[str]:
    return [f"{one.call}" for one in aws.faults.calls if "Denied" in one.refused]


def needed(policy: dict[str, Any], asked: set[Asked]) -> set[str]:
    """Return the statements that are necessary for the permissions that were needed."""
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
    lgbm_sm.environment["LGBM_SM_AWS__TAGS"] = '{CostCenter: "42"}'
    policy = enforce(lgbm_sm, aws)
    lgbm_sm("prepare-data", "--upload")
    lgbm_sm("prepare-data", "--upload", "--set", "data.name=diabetes")
    lgbm_sm("status")
    without_engine = CommandLine(lgbm_sm.folder, {**lgbm_sm.environment, "DOCKER_HOST": NO_ENGINE})
    without_engine("doctor", *ON_AWS, "--execution-role", ROLE, exit_code=5)  # both types need an image
    assert "nothing left" in lgbm_sm("cleanup", "--yes").stdout
    assert denied(aws) == []
    # status and cleanup also look for what is on no record
    assert needed(policy, aws.permissions.asked) == DATA | LOOKS | {"LookAtRepositories", "FindByTag", "FindByName"}


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


@pytest.mark.parametrize("name", ["Houses", "houses"])
def test_the_names_of_a_project_count_as_given_and_in_lower_case(lgbm_sm: CommandLine, name: str) -> None:
    policy = json.loads(lgbm_sm("policy", "--set", "project.name=Houses").stdout)
    for action, kind in (("DescribeTrainingJob", "training-job"), ("DeleteEndpoint", "endpoint")):
        arn = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:{kind}/{name}-2026-11-25-10-00-00-000"
        assert allows(policy, Asked(f"sagemaker:{action}", arn))


def test_the_role_may_be_passed_to_no_other_service(lgbm_sm: CommandLine) -> None:
    policy = json.loads(lgbm_sm("policy").stdout)
    role = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
    for service, allowed in (("sagemaker.amazonaws.com", True), ("lambda.amazonaws.com", False)):
        assert allows(policy, Asked("iam:PassRole", role, (("iam:PassedToService", service),))) is allowed


@pytest.mark.docker
def test_the_policy_is_enough_for_images_jobs_and_endpoints_and_no_statement_is_too_many(project: Project) -> None:
    aws, lgbm_sm = project.aws, project.lgbm_sm
    lgbm_sm("cleanup", "--yes", "--keep", "images")
    policy = enforce(lgbm_sm, aws)
    lgbm_sm("push")
    assert "unchanged" in lgbm_sm("push").stderr
    lgbm_sm("train")
    lgbm_sm("deploy")
    lgbm_sm("deploy")
    lgbm_sm("predict")
    for arguments in (("status",), ("logs",), ("logs", "--training")):
        lgbm_sm(*arguments)
    aws.times.phase = 600
    lgbm_sm("train", "--no-wait")
    aws.times.phase = 0
    # nothing on record: all is found by tag, name and manifest
    path = lgbm_sm.folder / ".lgbm-sm" / "record.json"
    before = path.read_bytes()
    path.unlink()
    result(lgbm_sm, "cleanup", "--yes", "--adopted", "--logs", *PUSHED)
    path.write_bytes(before)
    assert "nothing else left" in lgbm_sm("cleanup", "--yes", "--keep", "images").stdout
    asked = set(aws.permissions.asked)
    aws.permissions.reset()
    lgbm_sm("push")
    assert denied(aws) == []
    assert needed(policy, asked) == {statement["Sid"] for statement in policy["Statement"]}
    # of these services each action that is allowed is asked for, too; the others have some for what seldom happens
    services = ("iam", "logs", "sagemaker", "servicequotas", "tag")
    allowed = {
        action
        for statement in policy["Statement"]
        for action in as_list(statement["Action"])
        if action.startswith(tuple(f"{service}:" for service in services))
    }
    assert allowed - {one.action for one in asked} == SELDOM


def as_list(value: list[str] | str) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.mark.docker
def test_a_push_says_which_permission_is_missing_when_a_statement_is_left_out(project: Project) -> None:
    lgbm_sm = project.lgbm_sm
    lgbm_sm("cleanup", "--yes", "--keep", "images")
    enforce(lgbm_sm, project.aws, "PushImages")
    refused = lgbm_sm("push", exit_code=5)
    project.aws.permissions.reset()
    assert "is not authorized to perform: ecr:InitiateLayerUpload" in refused.stderr
    assert "hint: allow the identity ecr:InitiateLayerUpload; `lgbm-sm policy` prints" in refused.stderr
    lgbm_sm("push")
