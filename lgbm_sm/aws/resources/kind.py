"""The interface of a kind of AWS resource: methods to find, observe and delete it, and their IAM permissions.

The kinds are registered in `KINDS`, in the `__init__` of this package.
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
"""The record entry of something in an AWS account: jobs and endpoints only if SageMaker runs them."""
E = TypeVar("E", bound=AccountEntry)


class Group(NamedTuple):
    """A group of resources in one question of `cleanup`. `name` is its name in `--keep`.

    `one` and `several` are nouns for a message. `includes` names the parts that are deleted with them.
    """

    name: str
    one: str
    several: str
    includes: str = ""


class Found(NamedTuple):
    """A resource that was found without a record, and its tags, which may be empty."""

    entry: AccountEntry
    tags: Tags


@dataclass(frozen=True)
class Search:
    """A search of one account and region for the resources of a project. `known` are the entries on record."""

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
        """The tags of each resource that has the project's tag, by ARN; deleted resources are listed for a while.

        Raises:
            AwsError: AWS refuses the call, or does not answer.
        """
        return tagged_resources(self.account, self.project, self.tagged_types)

    def fields(self, created_at: datetime | None = None) -> dict[str, Any]:
        """Return the fields that the entries of all resources in this account and region share."""
        return aws_fields(self.account, self.project, created_at or datetime.now(UTC))


class ResourceKind(ABC, Generic[E]):
    """One kind of AWS resource. Its methods take the entry of a resource, and the account that the entry is in.

    Methods that take an account raise AwsError if AWS refuses a call or does not answer.
    """

    entry_type: type[E]
    group: Group
    kept_because: str = ""
    """The warning of `cleanup` when it keeps this resource because another kept one needs it."""

    @property
    @abstractmethod
    def deletion(self) -> str:
        """The calls that delete it, for `explain cleanup`."""

    @property
    def tagged_type(self) -> str:
        """Its type in the Resource Groups Tagging API; empty if it has no tags."""
        return ""

    @abstractmethod
    def arn(self, entry: E) -> str:
        """Return its ARN."""

    @abstractmethod
    def observe(self, entry: E, account: AwsAccount) -> Observation:
        """Return its state as AWS reports it now."""

    @abstractmethod
    def delete(self, entry: E, account: AwsAccount, patience: Patience) -> list[str]:
        """Delete it and wait until it is gone; harmless if it is gone already.

        Return the reasons if it could not be deleted.
        """

    @abstractmethod
    def search(self, search: Search) -> Iterator[Found]:
        """Find the project's resources of this kind without a record."""

    @abstractmethod
    def statements(self, scope: PolicyScope) -> list[Statement]:
        """Return the IAM statements that the commands need for it; statements with the same Sid are merged."""

    def is_adopted(self, found: Found, project_id: str) -> bool:
        """Return whether another work folder created it; also true if no tag shows its origin."""
        return not project_id or found.tags.get(ORIGIN_TAG) != project_id

    def is_needed_by(self, entry: E, other: RecordedEntry, *, running: bool | None) -> bool:  # noqa: ARG002
        """Return whether the other resource, which cleanup keeps, would not work without this one."""
        return False

    def is_part_of(self, entry: E, other: RecordedEntry) -> bool:  # noqa: ARG002
        """Return whether it was created for the other resource, and has the same owner."""
        return False

    def is_same(self, entry: E, other: RecordedEntry) -> bool:
        """Return whether two entries name the same resource."""
        return (entry.kind, entry.name) == (other.kind, other.name)


def arn_in_region(entry: AccountEntry, service: str, resource: str) -> str:
    """Return the ARN of a resource in the account and region of an entry."""
    return f"arn:{partition_of(entry.region)}:{service}:{entry.region}:{entry.account}:{resource}"


def availability(entry: AccountEntry, *, exists: bool) -> Observation:
    """Return the state of a resource that either exists or does not."""
    return Observation("Available" if exists else "Gone", f"account {entry.account}, {entry.region}", running=False)


def tagged_resources(account: AwsAccount, project: str, types: Collection[str]) -> dict[str, Tags]:
    """Return the tags of the resources of these types that have the project's tag, by ARN.

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
