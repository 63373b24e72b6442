"""The interface of a kind of AWS resource: methods to find, observe and delete it, and its IAM permissions.

`KINDS` in the `__init__` of this package lists the kinds.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from lgbm_sm.aws.account import PROJECT_TAG, AwsAccount, aws_errors, partition_of
from lgbm_sm.aws.policy_scope import PolicyScope, Statement
from lgbm_sm.aws.tags import ORIGIN_TAG, Tags
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.config.backend_sections import AwsSection
from lgbm_sm.record.entries import AwsEntry, Endpoint, Observation, RecordedEntry, TrainingJob, aws_fields
from lgbm_sm.record.record import Record

AccountEntry = TrainingJob | Endpoint | AwsEntry
"""The record entry of a resource in an AWS account. A local job or endpoint has no account."""
E = TypeVar("E", bound=AccountEntry)


class Group(NamedTuple):
    """A group of resources. `cleanup` asks one question for each group.

    `name` is the value for `--keep`. `one` and `several` are nouns for messages. `includes` names the parts that are
    deleted together with the group.
    """

    name: str
    one: str
    several: str
    includes: str = ""


class Found(NamedTuple):
    """A resource that was found without the record, and its tags. The tags may be empty."""

    entry: AccountEntry
    tags: Tags


@dataclass(frozen=True)
class Search:
    """A search for the resources of a project in one account and region. `known` contains the recorded entries."""

    account: AwsAccount
    project: str
    endpoint_name: str
    section: AwsSection
    record: Record
    known: Collection[RecordedEntry]
    tagged_types: Collection[str]
    includes_logs: bool

    @cached_property
    def tagged(self) -> Mapping[str, Tags]:
        """The ARN and the tags of each resource with the project's tag. Deleted resources stay listed for a while.

        Raises:
            AwsError: AWS refuses the call, or does not answer.
        """
        return tagged_resources(self.account, self.project, self.tagged_types)

    def fields(self, created_at: datetime | None = None) -> dict[str, Any]:
        """Return the entry fields that are equal for all resources in this account and region."""
        return aws_fields(self.account, self.project, created_at or datetime.now(UTC))


class ResourceKind(ABC, Generic[E]):
    """One kind of AWS resource. Its methods take the entry of a resource, and the account of that resource.

    Methods that take an account raise AwsError if AWS refuses a call, or does not answer.
    """

    entry_type: type[E]
    group: Group
    kept_because: str = ""
    """The warning that `cleanup` prints if it keeps this resource because another kept resource needs it."""

    @property
    @abstractmethod
    def deletion(self) -> str:
        """The AWS calls that delete the resource, for `explain cleanup`."""

    @property
    def tagged_type(self) -> str:
        """The type in the Resource Groups Tagging API. It is empty if this kind has no tags."""
        return ""

    @abstractmethod
    def arn(self, entry: E) -> str:
        """Return the ARN of the resource."""

    @abstractmethod
    def observe(self, entry: E, account: AwsAccount) -> Observation:
        """Return the state that AWS reports now."""

    @abstractmethod
    def delete(self, entry: E, account: AwsAccount, patience: Patience) -> list[str]:
        """Delete the resource and wait until it is gone. A resource that does not exist is no error.

        Return the reasons if the resource could not be deleted.
        """

    @abstractmethod
    def search(self, search: Search) -> Iterator[Found]:
        """Find the project's resources of this kind in AWS, without the record."""

    @abstractmethod
    def statements(self, scope: PolicyScope) -> list[Statement]:
        """Return the IAM statements that the commands need. Statements with the same Sid are merged later."""

    def is_adopted(self, found: Found, project_id: str) -> bool:
        """Return whether another work folder created the resource. Without an origin tag, the result is True."""
        return not project_id or found.tags.get(ORIGIN_TAG) != project_id

    def is_needed_by(self, entry: E, other: RecordedEntry, *, running: bool | None) -> bool:  # noqa: ARG002
        """Return whether `other` needs this resource. `cleanup` asks this for each resource that it keeps."""
        return False

    def is_part_of(self, entry: E, other: RecordedEntry) -> bool:  # noqa: ARG002
        """Return whether this resource is a part of `other`."""
        return False

    def is_same(self, entry: E, other: RecordedEntry) -> bool:
        """Return whether two entries are for the same resource."""
        return (entry.kind, entry.name) == (other.kind, other.name)


def arn_in_region(entry: AccountEntry, service: str, resource: str) -> str:
    """Return the ARN of a resource in the account and region of an entry."""
    return f"arn:{partition_of(entry.region)}:{service}:{entry.region}:{entry.account}:{resource}"


def availability(entry: AccountEntry, *, exists: bool) -> Observation:
    """Return the state of a resource that has no other states than Available and Gone."""
    return Observation("Available" if exists else "Gone", f"account {entry.account}, {entry.region}", running=False)


def tagged_resources(account: AwsAccount, project: str, types: Collection[str]) -> dict[str, Tags]:
    """Find the resources of these types that have the project's tag. Map their ARNs to all their tags.

    Raises:
        AwsError: AWS refuses the call, or does not answer.
    """
    with aws_errors(f"resources tagged {PROJECT_TAG}={project}"):
        pages = (
            account.client("resourcegroupstaggingapi")
            .get_paginator("get_resources")
            .paginate(TagFilters=[{"Key": PROJECT_TAG, "Values": [project]}], ResourceTypeFilters=list(types))
        )
        return {
            str(resource["ResourceARN"]): {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
            for page in pages
            for resource in page["ResourceTagMappingList"]
        }
