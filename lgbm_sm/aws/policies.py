"""IAM policies: one for the identity that runs the commands, and one for the execution role.

The policies contain only permissions that the commands need. A resource is `*` only if AWS supports no narrower
resource. Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from lgbm_sm.aws.cloudwatch import TRAINING_GROUP
from lgbm_sm.aws.policy_scope import PULLS, PolicyScope, Statement, allow, as_list, one_or_list
from lgbm_sm.aws.resources import KINDS

SAGEMAKER_SERVICE = "sagemaker.amazonaws.com"
_VERSION = "2012-10-17"
TRUST_POLICY: Mapping[str, Any] = {
    "Version": _VERSION,
    "Statement": [{"Effect": "Allow", "Principal": {"Service": SAGEMAKER_SERVICE}, "Action": "sts:AssumeRole"}],
}


def caller_policy(scope: PolicyScope) -> dict[str, Any]:
    """Return the policy for the identity that runs the commands.

    The policy omits sts:GetCallerIdentity, because AWS allows this call to everyone.
    """
    of_kinds = (statement for kind in KINDS for statement in kind.statements(scope))
    return {"Version": _VERSION, "Statement": _merged([*of_kinds, *_other_statements(scope)])}


def _merged(statements: Iterable[Statement]) -> list[Statement]:
    """Merge the statements that have the same Sid. Several kinds of resources may need the same statement."""
    merged: dict[str, Statement] = {}
    for statement in statements:
        known = merged.setdefault(statement["Sid"], statement)
        both = {
            key: one_or_list(list(dict.fromkeys((*as_list(known[key]), *as_list(statement[key])))))
            for key in ("Action", "Resource")
        }
        merged[statement["Sid"]] = {**known, **both}
    return list(merged.values())


def _other_statements(scope: PolicyScope) -> list[Statement]:
    """Return the statements for the encryption key, for the execution role and for `doctor`."""
    quotas = ("ListAWSDefaultServiceQuotas", "ListServiceQuotas")
    for_sagemaker = {"StringEquals": {"iam:PassedToService": SAGEMAKER_SERVICE}}
    statements = [
        # the caller may pass the execution role to SageMaker only
        allow("PassRole", "iam", ("PassRole",), [scope.role_arn], for_sagemaker),
        allow("LookAtRole", "iam", ("GetRole",), [scope.role_arn]),
        allow("LookAtQuotas", "servicequotas", quotas, ["*"]),
    ]
    if scope.kms_key_arn:
        # the key encrypts the objects in S3; SageMaker gets a grant to encrypt the volumes of jobs
        uses = ("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey")
        statements.append(allow("UseKey", "kms", uses, [scope.kms_key_arn]))
    return statements


def role_policy(scope: PolicyScope) -> dict[str, Any]:
    """Return the policy for the execution role. SageMaker uses this role to run jobs and serve models.

    Source: developer guide, "How to use SageMaker AI execution roles", CreateTrainingJob and CreateModel.
    """
    objects = f"{scope.bucket_arn}/{scope.prefix}"
    written = [f"{scope.arn('logs', f'log-group:{TRAINING_GROUP}')}*", *scope.endpoint_log_arns]
    logs = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
    statements = [
        allow("LogInToRegistry", "ecr", ("GetAuthorizationToken",), ["*"]),
        allow("PullImages", "ecr", PULLS, [*scope.repository_arns, *scope.xgboost_arns]),
        # SageMaker lists the objects below the prefix of a channel
        allow("FindObjects", "s3", ("ListBucket",), [scope.bucket_arn]),
        allow("ReadObjects", "s3", ("GetObject",), [f"{objects}/*"]),
        allow("WriteOutput", "s3", ("PutObject",), [f"{objects}/{scope.project}/output/*"]),
        allow("WriteLogs", "logs", logs, written),
        allow("WriteMetrics", "cloudwatch", ("PutMetricData",), ["*"]),
    ]
    if scope.kms_key_arn:
        uses = ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")
        statements.append(allow("UseKey", "kms", uses, [scope.kms_key_arn]))
    if scope.in_vpc:
        interfaces = ("NetworkInterface", "NetworkInterfacePermission")
        changes = tuple(f"{verb}{thing}" for verb in ("Create", "Delete") for thing in interfaces)
        looks = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
        actions = (*changes, *(f"Describe{thing}" for thing in looks))
        statements.append(allow("JoinNetwork", "ec2", actions, ["*"]))
    return {"Version": _VERSION, "Statement": statements}
