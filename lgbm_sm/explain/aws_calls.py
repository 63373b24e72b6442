"""The calls that change something at AWS, made by the functions that really make them, and answered here.

Nobody is asked for an account: what only AWS knows stands in angle brackets.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lgbm_sm.aws.account import AwsAccount, aws_errors, dns_suffix_of, region_of
from lgbm_sm.aws.dry_run import DryRun, PlannedCall
from lgbm_sm.aws.policy_scope import ROLE_ARN
from lgbm_sm.aws.s3 import S3Bucket, default_bucket_name
from lgbm_sm.aws.s3_manifest import ProjectObjects
from lgbm_sm.aws.upload import ChannelSet, channel_set
from lgbm_sm.config.backend_sections import AwsSection
from lgbm_sm.explain.sections import indented, json_lines

# names of buckets are checked before a call is noted, and <account> would be none
_ACCOUNT = "000000000000"
_SHOWN_ACCOUNT = "<account>"
# of a job and of a deployment alike
ASKED_BEFORE = (
    (
        "where the bucket is missing it is made before (`lgbm-sm explain prepare-data` shows how); the project's "
        "manifest there is written before each upload, with s3:PutObject"
    ),
    (
        "asked before: sts:GetCallerIdentity, iam:GetRole, ecr:DescribeRepositories, ecr:BatchGetImage, "
        "service-quotas:ListServiceQuotas and service-quotas:ListAWSDefaultServiceQuotas"
    ),
    (
        "asked of what lies in the bucket: s3:HeadBucket, s3:HeadObject, s3:ListObjectVersions, "
        "s3:ListMultipartUploads, s3:GetObject"
    ),
    (
        "asked at the end, to warn of a second endpoint of the project, which would be billed too: "
        "resourcegroupstaggingapi:GetResources"
    ),
)
_MOST_SHOWN = 3  # of a parameter that is a list of the same things


@dataclass(frozen=True)
class UnknownAccount:
    """An account that nobody was asked for, and what is noted of the calls that are made in it."""

    account: AwsAccount
    dry_run: DryRun
    section: AwsSection
    project: str

    @property
    def role_arn(self) -> str:
        """`aws.execution_role` as far as it is known."""
        role = self.section.execution_role
        if role is None:
            return "<aws.execution_role, or that of the SageMaker notebook>"
        return role if ROLE_ARN.fullmatch(role) else f"arn:{self.account.partition}:iam::{_SHOWN_ACCOUNT}:role/{role}"

    @property
    def bucket(self) -> S3Bucket:
        """That of the configuration, else the default one."""
        return S3Bucket(
            self.account, self.section.bucket or default_bucket_name(self.account), self.section.kms_key or ""
        )

    @property
    def objects(self) -> ProjectObjects:
        """The project's objects in it."""
        return ProjectObjects(self.bucket, self.section.prefix, self.project)

    def pushed_uri(self, tag: str) -> str:
        """The address that an image would have."""
        region = self.account.region
        registry = f"{_SHOWN_ACCOUNT}.dkr.ecr.{region}.{dns_suffix_of(region)}"
        return f"{registry}/{tag.rpartition(':')[0]}@<digest of {tag}>"

    def lines(self) -> list[str]:
        """The calls so far, in order, each with its parameters."""
        return describe_calls(self.dry_run.calls)


def open_unknown_account(section: AwsSection, project: str) -> UnknownAccount:
    """In the region of the configuration, else of the AWS command line's; nothing is sent anywhere.

    Raises:
        AwsError: AWS_PROFILE names no profile.
    """
    import boto3

    dry_run = DryRun()
    with aws_errors("a session"):
        # with credentials of its own a session looks for no others
        session = boto3.Session("none", "none", region_name=section.region)
    dry_run.attach(session)
    session.events.register("before-send", _refuse)
    return UnknownAccount(AwsAccount(_ACCOUNT, region_of(session), session), dry_run, section, project)


def note_upload(aws: UnknownAccount, channels: Mapping[str, Path]) -> ChannelSet:
    """Note the objects that the channels become; those that are there already are not sent again."""
    local = channel_set({name: folder for name, folder in channels.items() if folder.is_dir()})
    for name, file in local.files.items():
        aws.bucket.send(file, aws.objects.key(name), lambda _: None)
    return local


def _refuse(request: Any, **_: Any) -> None:
    raise AssertionError(f"explain calls nobody, and was about to ask {request.url}")


def describe_calls(calls: Iterable[PlannedCall]) -> list[str]:
    """Service, operation and parameters of each."""
    lines = []
    for call in calls:
        shown = [line.replace(_ACCOUNT, _SHOWN_ACCOUNT) for line in json_lines(_abridged(dict(call.parameters)))]
        lines += [f"{call.service}:{call.operation}", *indented(shown)]
    return lines


def _abridged(value: Any) -> Any:
    """Without most of a long list, such as that of forty metrics."""
    if isinstance(value, dict):
        return {name: _abridged(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        shown = [_abridged(one) for one in value[:_MOST_SHOWN]]
        more = len(value) - _MOST_SHOWN
        return [*shown, f"… and {more} more"] if more > 1 else [_abridged(one) for one in value]
    return value
