"""The errors if AWS refuses a call or limits the rate of calls, or if a proxy answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from lgbm_sm.aws.account import AwsAccount, aws_errors, connect, open_session
from lgbm_sm.aws.events import NEEDED_MEMBERS
from lgbm_sm.config.instance_types import InstancePurpose
from lgbm_sm.doctor.quotas import WantedInstances, examine_quotas, require_quota
from lgbm_sm.errors import AwsError
from lgbm_sm.record.entries import TrainingJobStatus
from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cloud.emulator import ACCOUNT, ENDPOINT, TRAINING, Emulator
from tests.cloud.roles import ROLE_ARN

pytestmark = [pytest.mark.slow]

TAGS = [{"Key": "a", "Value": "b"}]
CONTAINER = {"Image": f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/model:1", "ModelDataUrl": "s3://bucket/model.tar.gz"}
TRAIN = WantedInstances(InstancePurpose.TRAINING, "ml.m4.2xlarge", 1)
DEPLOY = WantedInstances(InstancePurpose.ENDPOINT, "ml.m4.xlarge", 1)


class Said:
    """A reporter that stores the messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.step = self.detail = self.warn = self.status = self.trace = self.lines.append

    def log(self, line: str, brief: str = "") -> None:  # noqa: ARG002 - the signature of Reporter
        self.lines.append(line)

    def progress(self, what: str, done: int, total: int) -> None:
        """Ignore the progress."""


@pytest.fixture
def lgbm_sm(aws_without_engine: Emulator, fork_server: ForkServer, tmp_path: Path) -> CommandLine:
    environment = {**aws_without_engine.environment(), "HOME": str(tmp_path)}
    return ForkedCommandLine(tmp_path, environment, server=fork_server)


@pytest.fixture
def account(aws_without_engine: Emulator, monkeypatch: pytest.MonkeyPatch) -> AwsAccount:
    for name, value in aws_without_engine.environment().items():
        monkeypatch.setenv(name, value)
    return connect()


def allow(aws: Emulator, *actions: str) -> None:
    aws.permissions.policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
    }


def hint_of(call: Callable[[], Any]) -> str:
    """Return the hint of the error that a call raises."""
    with pytest.raises(AwsError) as refused, aws_errors("it"):
        call()
    return refused.value.hint


@pytest.mark.parametrize("allowed", [("sagemaker:CreateModel",), ("sagemaker:CreateModel", "sagemaker:AddTags")])
def test_the_hint_names_the_action_that_was_denied_and_not_the_operation(
    aws_without_engine: Emulator, account: AwsAccount, allowed: tuple[str, ...]
) -> None:
    allow(aws_without_engine, *allowed)
    sagemaker = account.client("sagemaker")
    model = {"ModelName": "m", "ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": CONTAINER, "Tags": TAGS}
    missing = "iam:PassRole" if "sagemaker:AddTags" in allowed else "sagemaker:AddTags"
    hint = hint_of(lambda: sagemaker.create_model(**model))
    assert hint == f"allow the identity {missing}; `lgbm-sm policy` prints all permissions that the commands need"


@pytest.mark.parametrize(
    ("operation", "parameters", "needed"),
    [
        ("HeadBucket", {}, "s3:ListBucket"),
        ("HeadObject", {"Key": "a"}, "s3:GetObject and s3:ListBucket"),
        ("CreateMultipartUpload", {"Key": "a"}, "s3:PutObject"),
        ("ListObjectVersions", {}, "s3:ListBucketVersions"),
    ],
)
def test_the_hint_names_the_action_of_s3_when_the_refusal_names_none(
    aws_without_engine: Emulator, account: AwsAccount, operation: str, parameters: dict[str, str], needed: str
) -> None:
    aws_without_engine.faults.fail(f"s3:{operation}", "AccessDenied", "Access Denied", 403)
    s3 = account.client("s3")
    call = getattr(s3, botocore.xform_name(operation))
    assert hint_of(lambda: call(Bucket="bucket", **parameters)).startswith(f"allow the identity {needed};")


# the ends of AWS's messages: IAM user guide, "Troubleshoot access denied error messages"
@pytest.mark.parametrize(
    ("because", "hint"),
    [
        (
            "with an explicit deny in a service control policy",
            "a service control policy denies ecr:InitiateLayerUpload explicitly, and other policies cannot change that",
        ),
        (
            "with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/no",
            "an identity-based policy denies ecr:InitiateLayerUpload explicitly",
        ),
        ("with an explicit deny", "a policy denies ecr:InitiateLayerUpload explicitly"),
        (
            "because no permissions boundary allows the ecr:InitiateLayerUpload action",
            "the permissions boundary of the identity does not allow ecr:InitiateLayerUpload: ask its owner to add this action",
        ),
    ],
)
def test_the_hint_tells_a_denial_from_a_missing_permission(
    aws_without_engine: Emulator, account: AwsAccount, because: str, hint: str
) -> None:
    said = f"User: arn:aws:iam::{ACCOUNT}:user/a is not authorized to perform: ecr:InitiateLayerUpload on resource: "
    said += f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/model {because}"
    aws_without_engine.faults.fail("ecr:DescribeRepositories", "AccessDeniedException", said)
    assert hint_of(account.client("ecr").describe_repositories).startswith(hint)


def test_each_wait_after_throttling_is_shown(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    aws_without_engine.faults.fail("sts:GetCallerIdentity", "Throttling", "Rate exceeded", times=2)
    (lgbm_sm.folder / "config.yaml").write_text("project: {}\n")
    said = lgbm_sm("status", "--aws").stderr.splitlines()
    assert said[:3] == [
        "    AWS throttles GetCallerIdentity: trying again (attempt 2 of 10)",
        "    AWS throttles GetCallerIdentity: trying again (attempt 3 of 10)",
        f"==> AWS account {ACCOUNT}, eu-west-1",
    ]


def test_no_further_attempt_is_told_of_after_the_last(aws_without_engine: Emulator, account: AwsAccount) -> None:
    aws_without_engine.faults.fail("ecr:DescribeRepositories", "ThrottlingException", "Rate exceeded", times=9)
    told: list[str] = []
    session = open_session("eu-west-1", attempts=2, tell_retry=told.append)
    hint = hint_of(session.client("ecr").describe_repositories)
    assert told == ["AWS throttles DescribeRepositories: trying again (attempt 2 of 2)"]
    assert hint == "AWS is throttling the calls: try again in a minute"
    assert account.account_id == ACCOUNT


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261130T165258Z is now earlier than 20261130T170000Z (20261130T170500Z - 5 min.)",
        ),
        ("InvalidSignatureException", "Signature not yet current: 20261130T1652Z is still later than 20261130T1640Z"),
        ("RequestExpired", "Request has expired."),
    ],
)
def test_a_clock_that_is_wrong_is_one_error_about_the_clock(
    aws_without_engine: Emulator, lgbm_sm: CommandLine, code: str, message: str
) -> None:
    aws_without_engine.faults.fail("sts:GetCallerIdentity", code, message, 403)
    (lgbm_sm.folder / "config.yaml").write_text("project: {}\n")
    refused = lgbm_sm("policy", exit_code=6).stderr.splitlines()
    assert refused == [
        f"error: could not determine the AWS identity (sts:GetCallerIdentity): {code}: {message}",
        "hint: set the clock; `lgbm-sm doctor --aws` shows the difference and the command that sets it",
    ]


@pytest.mark.parametrize(
    ("date", "told", "exit_code"),
    [
        ("yesterday", "not checked: AWS did not send its time", 0),
        ("Mon, 30 Nov 99999 16:52:58 GMT", "not checked: AWS did not send its time", 0),
        # a time without a zone
        ("Thu, 01 Jan 2026 00:00:00 -0000", "AWS refuses every call", 6),
    ],
)
def test_a_date_that_is_wrong_in_the_answers_is_no_traceback(
    aws_without_engine: Emulator, lgbm_sm: CommandLine, date: str, told: str, exit_code: int
) -> None:
    aws_without_engine.faults.date = date
    lgbm_sm("prepare-data", "--upload")
    arguments = ("--aws", "--execution-role", ROLE_ARN, "--output", "json")
    checks = json.loads(lgbm_sm("doctor", *arguments, exit_code=exit_code).stdout)["checks"]
    [clock] = [finding for finding in checks if finding["check"] == "clock"]
    assert told in clock["message"]


def test_status_ends_with_the_exit_code_of_aws_when_nothing_of_it_could_be_reached(
    aws_without_engine: Emulator, lgbm_sm: CommandLine
) -> None:
    lgbm_sm("prepare-data", "--upload")
    assert json.loads(lgbm_sm("status", "--output", "json").stdout)["items"][0]["state"] == "Available"
    aws_without_engine.faults.credentials_expired = True
    assert "The security token included in the request is expired" in lgbm_sm("status", exit_code=6).stderr
    given = json.loads(lgbm_sm("status", "--output", "json", exit_code=6).stdout)
    assert [item["state"] for item in given["items"]] == ["Unknown"]
    assert "is expired" in given["problems"][0]["message"]


def test_status_goes_on_when_only_the_search_by_tag_is_denied(
    aws_without_engine: Emulator, lgbm_sm: CommandLine
) -> None:
    lgbm_sm("prepare-data", "--upload")
    allow(aws_without_engine, "s3:*")
    given = json.loads(lgbm_sm("status", "--output", "json").stdout)
    assert [item["state"] for item in given["items"]] == ["Available"]
    assert given["problems"][0]["hint"].startswith("allow the identity tag:GetResources;")


@pytest.mark.parametrize("fault", ["fail", "throttle", "hang", "break"])
def test_quotas_that_cannot_be_read_are_a_warning_within_seconds(
    aws_without_engine: Emulator, account: AwsAccount, fault: str
) -> None:
    faults, operation = aws_without_engine.faults, "service-quotas:ListServiceQuotas"
    match fault:
        case "fail":
            faults.fail(operation, "InternalFailure", "no", 500, times=100)
        case "throttle":
            faults.fail(operation, "ThrottlingException", "Rate exceeded", times=100)
        case "hang":
            faults.slow[operation] = 60
        case "break":
            faults.break_connection(operation, times=100)
    said, started_at = Said(), time.monotonic()
    require_quota(account, TRAIN, said)
    assert time.monotonic() - started_at < 12
    assert said.lines[-1].startswith("the quotas of instance types are unknown: ")
    assert said.lines[-1].endswith("SageMaker itself refuses a job or an endpoint if the quota is too small)")


def test_a_quota_that_is_known_to_be_too_small_counts_though_the_others_are_not_known(
    aws_without_engine: Emulator, account: AwsAccount
) -> None:
    aws_without_engine.quotas.set("ml.m4.2xlarge", TRAINING, 0)
    aws_without_engine.faults.fail("service-quotas:ListAWSDefaultServiceQuotas", "InternalFailure", "no", 500, times=9)
    unknown = WantedInstances(InstancePurpose.ENDPOINT, "ml.m9.xlarge", 1)
    found = list(examine_quotas(account, (TRAIN, unknown)))
    assert [finding.status for finding in found] == ["problem", "warning"]
    assert found[0].message.startswith(f"ml.m4.2xlarge for {TRAINING}: must be at least 1, is 0")


def test_no_more_pages_of_quotas_are_read_than_tell_enough(aws_without_engine: Emulator, account: AwsAccount) -> None:
    for number in range(150):
        aws_without_engine.quotas.set(f"ml.x{number}.large", ENDPOINT, 1)
    require_quota(account, DEPLOY, Said())
    assert aws_without_engine.faults.operations().count("service-quotas:ListServiceQuotas") == 1


class _Page(BaseHTTPRequestHandler):
    """A proxy that requires a login. It answers each request with its login page."""

    protocol_version = "HTTP/1.1"
    page = b"<html><body>Please log in</body></html>"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.page)))
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def proxy_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("service", "method", "page"),
    [
        ("sts", "get_caller_identity", b"<html><body>Please log in</body></html>"),
        ("sts", "get_caller_identity", b"Please log in"),
        ("ecr", "describe_repositories", b"<!DOCTYPE html><html></html>"),
        ("ecr", "describe_repositories", b'{"login": "/login"}'),
        ("ecr", "describe_repositories", b""),
    ],
)
def test_a_proxys_page_in_place_of_an_answer_is_one_error(
    account: AwsAccount, proxy_url: str, monkeypatch: pytest.MonkeyPatch, service: str, method: str, page: bytes
) -> None:
    monkeypatch.setattr(_Page, "page", page)
    client = account.session.client(service, endpoint_url=proxy_url)
    assert hint_of(getattr(client, method)) == "check AWS_ENDPOINT_URL, and whether a proxy answers instead of AWS"


def test_a_key_that_may_not_be_used_is_explained_by_the_setting_that_puts_it_into_the_policy(
    aws_without_engine: Emulator, account: AwsAccount
) -> None:
    said = f"User: arn:aws:iam::{ACCOUNT}:user/a is not authorized to perform: kms:GenerateDataKey on resource: "
    said += f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1 because no identity-based policy allows the action"
    aws_without_engine.faults.fail("s3:PutObject", "AccessDenied", said, 403)
    hint = hint_of(lambda: account.client("s3").put_object(Bucket="bucket", Key="a", Body=b""))
    assert (
        hint == "allow the identity kms:GenerateDataKey; `lgbm-sm policy` prints this permission if aws.kms_key is set"
    )


def test_a_time_that_is_none_in_an_answer_is_one_error(aws_without_engine: Emulator, account: AwsAccount) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="bucket", Key="a", Body=b"")

    def spoil(response_dict: dict[str, Any], **_: Any) -> None:
        response_dict["headers"]["Last-Modified"] = "yesterday"

    s3.meta.events.register_first("before-parse.s3.HeadObject", spoil)
    hint = hint_of(lambda: s3.head_object(Bucket="bucket", Key="a"))
    assert hint.startswith("check AWS_ENDPOINT_URL")
    assert aws_without_engine.faults.operations()[-1] == "s3:HeadObject"


def test_the_members_that_are_needed_are_members_of_awss_answers() -> None:
    session = botocore.session.get_session()
    services = ("ecr", "iam", "logs", "resourcegroupstaggingapi", "sagemaker", "service-quotas", "sts")
    models = [session.get_service_model(service) for service in services]
    for operation, members in NEEDED_MEMBERS.items():
        [shape] = [one.operation_model(operation).output_shape for one in models if operation in one.operation_names]
        assert set(members) <= set(shape.members), operation


def test_every_state_of_a_job_at_aws_has_its_name_here() -> None:
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("TrainingJobStatus")
    assert {status.value for status in TrainingJobStatus} == set(shape.enum)
