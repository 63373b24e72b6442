"""The findings of `doctor` in an emulated account. It changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker
import pytest

from lgbm_sm.aws.account import connect
from lgbm_sm.aws.policies import TRUST_POLICY
from lgbm_sm.doctor.account import WantedAccount, examine_account
from lgbm_sm.doctor.role import examine_role
from tests.cloud.emulator import ACCOUNT, ENDPOINT, REGION, TRAINING, Emulator
from tests.cloud.roles import ROLE, ROLE_ARN, make_role
from tests.docker.conftest import docker_session, engine  # noqa: F401 - fixtures
from tests.doctor.test_doctor import NO_ENGINE, Doctor

pytestmark = [pytest.mark.slow]

ON_AWS = ["--set", "training.instance_type=ml.m4.2xlarge", "--set", "endpoint.instance_type=ml.m4.xlarge"]
AWS_CHECKS = {"region", "credentials", "clock", "execution role", "bucket", "repository", "endpoints", "quota"}
# what may be called: each only reads
LOOKS = {
    "sts:GetCallerIdentity",
    "iam:GetRole",
    "s3:HeadBucket",
    "ecr:DescribeRepositories",
    "resourcegroupstaggingapi:GetResources",
    "service-quotas:ListServiceQuotas",
}


@pytest.fixture
def doctor(aws_without_engine: Emulator, tmp_path: Path) -> Doctor:
    """Run `doctor` with the emulated account and without Docker."""
    return Doctor(tmp_path, {**aws_without_engine.environment(), "DOCKER_HOST": NO_ENGINE})


def test_a_good_account_has_no_problem_and_is_only_looked_at(aws_without_engine: Emulator, doctor: Doctor) -> None:
    bucket = f"sagemaker-{REGION}-{ACCOUNT}"
    place = {"LocationConstraint": REGION}
    aws_without_engine.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    aws_without_engine.client("ecr").create_repository(repositoryName="sagemaker-lightgbm-regression")
    aws_without_engine.faults.calls.clear()
    # 5, since both types need an image, and there is no engine
    checks = doctor.checks(*ON_AWS, "--execution-role", ROLE, exit_code=5)
    assert {name: checks[name]["status"] for name in AWS_CHECKS} == dict.fromkeys(AWS_CHECKS, "ok")
    assert checks["credentials"]["message"].endswith(f"account {ACCOUNT}")
    assert checks["execution role"]["message"] == f"{ROLE_ARN} trusts sagemaker.amazonaws.com"
    assert checks["bucket"]["message"] == f"{bucket} exists"
    assert checks["repository"]["message"].endswith("/sagemaker-lightgbm-regression")
    assert checks["quota"]["message"] == "ml.m4.xlarge for endpoint usage: 4"
    assert set(aws_without_engine.faults.operations()) == LOOKS


def test_nothing_is_called_when_both_types_are_local(aws_without_engine: Emulator, doctor: Doctor) -> None:
    assert AWS_CHECKS & set(doctor.checks(exit_code=0)) == set()
    assert aws_without_engine.faults.operations() == []


def test_an_empty_account_has_no_problem_when_the_other_commands_make_what_is_missing(doctor: Doctor) -> None:
    checks = doctor.checks("--aws", "--execution-role", ROLE_ARN, exit_code=0)
    assert "does not exist yet" in checks["bucket"]["message"]
    assert "`lgbm-sm push` creates it" in checks["repository"]["message"]
    assert checks["quota"]["message"] == "not needed: no instance type is configured"


def test_expired_credentials_are_told_once_with_their_fix(aws_without_engine: Emulator, doctor: Doctor) -> None:
    aws_without_engine.faults.credentials_expired = True
    checks = doctor.checks("--aws", exit_code=6)
    assert {name for name in AWS_CHECKS if checks[name]["status"] == "problem"} == {"credentials"}
    assert "ExpiredToken" in checks["credentials"]["message"]
    assert "aws sso login" in checks["credentials"]["fix"]
    assert checks["clock"]["status"] == "ok"  # a refusal too tells the time
    assert aws_without_engine.faults.operations() == ["sts:GetCallerIdentity"]


def test_the_trust_policy_is_printed_when_no_role_is_given(doctor: Doctor) -> None:
    role = doctor.checks("--aws", exit_code=6)["execution role"]
    assert role["status"] == "problem"
    assert f"--assume-role-policy-document '{json.dumps(TRUST_POLICY)}'" in role["fix"]


def test_a_role_that_is_missing_is_a_problem_and_hides_nothing(doctor: Doctor) -> None:
    checks = doctor.checks("--aws", "--execution-role", "no-such-role", exit_code=6)
    assert checks["execution role"]["message"] == f"account {ACCOUNT} has no role no-such-role"
    assert "aws iam create-role --role-name no-such-role " in checks["execution role"]["fix"]
    assert checks["bucket"]["status"] == checks["repository"]["status"] == "ok"


def test_a_role_that_sagemaker_may_not_assume_is_a_problem_until_the_remedy_is_followed(
    aws_without_engine: Emulator, doctor: Doctor
) -> None:
    make_role(aws_without_engine, "lambda-role", "lambda.amazonaws.com")
    role = doctor.checks("--aws", "--execution-role", "lambda-role", exit_code=6)["execution role"]
    assert "does not trust sagemaker.amazonaws.com" in role["message"]
    before, _, document = role["fix"].partition(" --policy-document ")
    assert before == "aws iam update-assume-role-policy --role-name lambda-role"
    iam = aws_without_engine.client("iam")
    iam.update_assume_role_policy(RoleName="lambda-role", PolicyDocument=document.strip("'"))
    checks = doctor.checks("--aws", "--execution-role", "lambda-role", exit_code=0)
    assert checks["execution role"]["status"] == "ok"


def test_another_accounts_role_is_refused_without_a_call(aws_without_engine: Emulator, doctor: Doctor) -> None:
    arn = "arn:aws:iam::999999999999:role/service-role/theirs"
    role = doctor.checks("--aws", "--execution-role", arn, exit_code=6)["execution role"]
    assert "is in account 999999999999" in role["message"]
    assert "iam:GetRole" not in aws_without_engine.faults.operations()


@pytest.mark.parametrize("usage", [TRAINING, ENDPOINT])
def test_a_quota_of_0_is_a_problem_with_the_request_of_a_larger_one(
    aws_without_engine: Emulator, doctor: Doctor, usage: str
) -> None:
    name = "ml.m4.2xlarge" if usage == TRAINING else "ml.m4.xlarge"
    aws_without_engine.quotas.set(name, usage, 0)
    lines = doctor.run(*ON_AWS, "--execution-role", ROLE, exit_code=5).splitlines()
    [problem] = [line for line in lines if line.startswith("problem  quota")]
    assert f"{name} for {usage}: must be at least 1, is 0 (fix: aws service-quotas " in problem
    assert f"--desired-value 1 --region {REGION})" in problem


def test_a_bucket_that_is_asked_for_by_name_has_to_be_there(aws_without_engine: Emulator, doctor: Doctor) -> None:
    arguments = ["--aws", "--execution-role", ROLE, "--set", "aws.bucket=my-own-bucket"]
    bucket = doctor.checks(*arguments, exit_code=6)["bucket"]
    assert bucket["message"] == "aws.bucket: my-own-bucket: the bucket does not exist"
    assert f"aws s3 mb s3://my-own-bucket --region {REGION}" in bucket["fix"]
    place = {"LocationConstraint": REGION}
    aws_without_engine.client("s3").create_bucket(Bucket="my-own-bucket", CreateBucketConfiguration=place)
    assert doctor.checks(*arguments, exit_code=0)["bucket"]["status"] == "ok"


@pytest.mark.docker
def test_the_exit_code_is_that_of_aws_when_the_engine_answers(
    aws_without_engine: Emulator,
    doctor: Doctor,
    engine: docker.DockerClient,  # noqa: F811 - fixture
    docker_session: str,  # noqa: F811 - fixture
) -> None:
    aws_without_engine.quotas.set("ml.m4.2xlarge", TRAINING, 0)
    del doctor.environment["DOCKER_HOST"]
    # the engine may hold an image of the default name
    doctor.environment["LGBM_SM_CONTAINER__REPOSITORY"] = f"test-{docker_session}-none"
    checks = doctor.checks(*ON_AWS, "--execution-role", ROLE, exit_code=6)
    assert engine.version()["Version"] in checks["docker engine"]["message"]
    assert "is not built" in checks["image"]["message"]
    assert checks["image"]["fix"] == "lgbm-sm build"


def test_a_mistake_in_the_configuration_leaves_the_account_to_be_looked_at(doctor: Doctor) -> None:
    checks = doctor.checks("--aws", "--execution-role", ROLE, "--set", "training.instance_typ=x", exit_code=3)
    assert checks["credentials"]["status"] == checks["execution role"]["status"] == "ok"
    assert checks["repository"]["message"] == "not checked: fix the configuration first"


def test_what_the_identity_may_not_look_at_is_no_more_than_a_warning_where_a_job_needs_it_not(
    aws_without_engine: Emulator, doctor: Doctor
) -> None:
    allowed = {"Effect": "Allow", "Action": ["s3:ListBucket", "ecr:DescribeRepositories"], "Resource": "*"}
    aws_without_engine.permissions.policy = {"Version": "2012-10-17", "Statement": [allowed]}
    checks = doctor.checks(*ON_AWS, "--execution-role", ROLE, exit_code=5)
    assert {name for name in AWS_CHECKS if checks[name]["status"] == "warning"} == {
        "endpoints",
        "execution role",
        "quota",
    }
    assert checks["execution role"]["fix"] == "allow your identity iam:GetRole"
    assert checks["quota"]["fix"].startswith("allow the identity servicequotas:ListServiceQuotas;")
    aws_without_engine.permissions.policy["Statement"] = [{**allowed, "Action": "iam:GetRole"}]
    checks = doctor.checks("--aws", "--execution-role", ROLE, exit_code=6)
    assert checks["bucket"]["status"] == checks["repository"]["status"] == "problem"


def test_a_service_that_does_not_answer_holds_up_its_own_check_alone(
    aws_without_engine: Emulator, doctor: Doctor
) -> None:
    aws_without_engine.faults.break_connection("ecr:DescribeRepositories", times=10)
    checks = doctor.checks("--aws", "--execution-role", ROLE, exit_code=6)
    assert {name for name in AWS_CHECKS if checks[name]["status"] != "ok"} == {"repository"}


def test_throttling_is_waited_out(aws_without_engine: Emulator, doctor: Doctor) -> None:
    aws_without_engine.faults.throttle_every = 3
    doctor.checks("--aws", "--execution-role", ROLE, exit_code=0)


def test_a_clock_that_is_wrong_is_seen_by_the_answers_date(
    aws_without_engine: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws_without_engine.environment().items():
        monkeypatch.setenv(name, value)
    wanted = WantedAccount(None, None, ROLE, (), ())
    findings = examine_account(wanted, lambda: datetime.now(UTC) + timedelta(minutes=10))
    [clock] = [finding for finding in findings if finding.check == "clock"]
    assert clock.status == "problem"
    assert "ahead of AWS's clock" in clock.message


def test_the_notebooks_own_role_is_looked_at_when_none_is_given(
    aws_without_engine: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws_without_engine.environment().items():
        monkeypatch.setenv(name, value)
    account = connect()
    finding = examine_role(account, f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/SageMaker", None)
    assert (finding.status, finding.message) == ("ok", f"{ROLE_ARN} trusts sagemaker.amazonaws.com")
    finding = examine_role(account, f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/somebody", None)
    assert finding.message == "no role is set, and this is not a SageMaker notebook"
