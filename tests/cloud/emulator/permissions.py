"""Enforce an IAM policy on each call.

A call that it does not allow gets AWS's error message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import unescape

from tests.cloud.emulator.calls import ACCOUNT, AwsError, Call

CALLER = f"arn:aws:iam::{ACCOUNT}:user/tester"
# operations of S3 whose permission has another name
_S3_ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}
_PREFIXES = {"sagemaker-runtime": "sagemaker", "service-quotas": "servicequotas", "resourcegroupstaggingapi": "tag"}
# members that name what an operation of SageMaker is about -> the kind in its ARN
_SAGEMAKER_KINDS = {
    "TrainingJobName": "training-job",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
}
# the actions that AWS defines s3:prefix for: Service Authorization Reference, Amazon S3
_HAVE_PREFIX = {"s3:ListBucket", "s3:ListBucketVersions"}
# AWS allows them to everybody
_FREE = {"sts:GetCallerIdentity"}


@dataclass(frozen=True)
class Asked:
    """A permission that a call has needed. `context` has the condition keys of the call."""

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


@dataclass
class Permissions:
    """Checks calls by a policy.

    `policy` is an IAM policy document. None allows all calls. `asked` has each permission that was needed so far.
    """

    policy: dict[str, Any] | None = None
    asked: set[Asked] = field(default_factory=set)

    def reset(self) -> None:
        self.policy = None
        self.asked.clear()

    def check(self, call: Call) -> None:
        """Raise AwsError (AccessDenied) if the policy does not allow the call."""
        for action, resource in _needed(call):
            if action not in _FREE:
                self.require(action, resource, call.service, _context(action, call))
        role = call.parameters.get("RoleArn") or call.parameters.get("ExecutionRoleArn")
        if call.service == "sagemaker" and role:
            passed_to = {"iam:PassedToService": "sagemaker.amazonaws.com"}
            self.require("iam:PassRole", role, call.service, passed_to)

    def require(self, action: str, resource: str, service: str = "", context: Mapping[str, str] | None = None) -> None:
        asked = Asked(action, resource, tuple((context or {}).items()))
        self.asked.add(asked)
        if self.policy is not None and not allows(self.policy, asked):
            code = "AccessDenied" if service in ("s3", "sts", "iam") else "AccessDeniedException"
            raise AwsError(
                code,
                f"User: {CALLER} is not authorized to perform: {action} on resource: {resource} because no "
                "identity-based policy allows the action",
                403 if service in ("s3", "sts", "iam", "sagemaker-runtime") else 400,
            )


def allows(policy: Mapping[str, Any], asked: Asked) -> bool:
    """Return whether a statement of the policy allows the permission, and none denies it."""
    effects = {
        statement["Effect"]
        for statement in _as_list(policy["Statement"])
        if _concerns(statement, asked.action, asked.resource, dict(asked.context))
    }
    return "Allow" in effects and "Deny" not in effects


def _concerns(statement: dict[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    return (
        any(_matches(pattern.lower(), action.lower()) for pattern in _as_list(statement["Action"]))
        and any(_matches(pattern, resource) for pattern in _as_list(statement["Resource"]))
        and all(_holds(*condition, context) for condition in _conditions(statement))
    )


def _conditions(statement: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            yield operator, key, _as_list(values)


def _holds(operator: str, key: str, values: list[str], context: Mapping[str, str]) -> bool:
    """Return whether a condition holds.

    A condition on a key that the call does not have never holds: IAM user guide, "Condition operators".
    """
    if operator not in ("StringEquals", "StringLike"):
        raise NotImplementedError(operator)
    if key not in context:
        return False
    given = context[key]
    return given in values if operator == "StringEquals" else any(_matches(value, given) for value in values)


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _needed(call: Call) -> Iterator[tuple[str, str]]:
    """Yield the actions of a call with their resources."""
    given, region = call.parameters, call.region
    action = f"{_PREFIXES.get(call.service, call.service)}:{call.operation}"
    if call.service == "s3":
        yield from _needed_of_s3(call)
    elif call.service in ("sagemaker", "sagemaker-runtime"):
        resource = _sagemaker_resource(call)
        yield action, resource
        if call.operation in ("CreateEndpoint", "UpdateEndpoint"):
            yield action, call.arn(f"endpoint-config/{given['EndpointConfigName']}".lower())
        if call.operation.startswith("Create") and given.get("Tags"):
            yield "sagemaker:AddTags", resource
    elif call.service == "ecr":
        name = given.get("repositoryName") or next(iter(given.get("repositoryNames") or ()), "")
        resource = f"arn:aws:ecr:{region}:{ACCOUNT}:repository/{name}" if name else "*"
        yield action, given.get("resourceArn") or resource
        if given.get("tags") and call.operation == "CreateRepository":
            yield "ecr:TagResource", resource
    elif call.service == "logs":
        group, stream = given.get("logGroupName") or given.get("logGroupNamePrefix"), given.get("logStreamName")
        resource = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{group}" if group else "*"
        yield action, f"{resource}:log-stream:{stream}" if stream else resource
    elif call.service == "iam" and "RoleName" in given:
        yield action, f"arn:aws:iam::{ACCOUNT}:role/{given['RoleName']}"
    elif "QuotaCode" in given:
        yield action, f"arn:aws:servicequotas:{region}:{ACCOUNT}:{given['ServiceCode']}/{given['QuotaCode']}"
    else:
        yield action, "*"


def _context(action: str, call: Call) -> dict[str, str]:
    """Return the condition keys of this action that the policies use."""
    if action in _HAVE_PREFIX and "prefix" in call.parameters:
        return {"s3:prefix": call.parameters["prefix"]}
    return {}


def _needed_of_s3(call: Call) -> Iterator[tuple[str, str]]:
    bucket, operation = call.parameters.get("Bucket", ""), call.operation
    action = f"s3:{_S3_ACTIONS.get(operation, operation)}"
    version = "Version" if b"<VersionId>" in call.body or "versionId" in call.parameters else ""
    keys = [call.parameters["Key"]] if "Key" in call.parameters else []
    if operation == "DeleteObjects":
        keys = [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", call.body.decode(), re.DOTALL)]
    for key in keys:
        yield f"{action}{version}", f"arn:aws:s3:::{bucket}/{key}"
    if not keys:
        yield action, f"arn:aws:s3:::{bucket}" if bucket else "*"


def _sagemaker_resource(call: Call) -> str:
    if call.operation.startswith("List") and call.operation != "ListTags":
        return "*"
    if "ResourceArn" in call.parameters:
        return str(call.parameters["ResourceArn"])
    # the first that is named: CreateEndpoint names an endpoint before its config
    for member, kind in _SAGEMAKER_KINDS.items():
        if member in call.parameters:
            return call.arn(f"{kind}/{call.parameters[member]}".lower())
    return "*"
