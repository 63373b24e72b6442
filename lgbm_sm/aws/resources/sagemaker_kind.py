"""The base class of the SageMaker kinds: find resources by tag and by name, describe and delete them.

`lgbm_sm.backends.sagemaker` creates the resources with the SageMaker SDK. This package uses only boto3, because boto3
loads five times as fast as the SDK.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from lgbm_sm.aws.account import PROJECT_TAG, AwsAccount, aws_errors
from lgbm_sm.aws.policy_scope import PolicyScope, Statement, allow
from lgbm_sm.aws.resources.kind import E, Found, ResourceKind, Search, arn_in_region
from lgbm_sm.aws.tags import Tags
from lgbm_sm.errors import AwsError
from lgbm_sm.names import is_endpoint_name

Answer = Mapping[str, Any]
"""The answer of a Describe operation."""

# SageMaker has no special error code for a resource that does not exist
_GONE = ("Could not find", "Requested resource not found")
_TAGGING = ("AddTags", "ListTags")


class SageMakerKind(ResourceKind[E]):
    """A kind of SageMaker resource.

    The tag of the entry type, such as training_job, is also the name in boto3's operations.
    """

    statement_id: str
    """The Sid of the IAM statement. Several kinds may share a statement."""
    operations: tuple[str, ...] = ("Create", "Delete", "Describe")
    """The verbs of the API operations that the commands call."""
    other_actions: tuple[str, ...] = ()
    """More IAM actions that the commands need."""

    @property
    def kind(self) -> str:
        """The name in boto3, such as training_job."""
        return str(self.entry_type.__struct_config__.tag)

    @property
    def noun(self) -> str:
        """The name in the API, such as TrainingJob."""
        return "".join(word.capitalize() for word in self.kind.split("_"))

    @property
    def arn_type(self) -> str:
        """The name in ARNs, such as training-job."""
        return self.kind.replace("_", "-")

    @property
    def list_member(self) -> str:
        """The member that contains the resources in the answer of the List operation."""
        return f"{self.noun}s"

    @property
    def tagged_type(self) -> str:
        return f"sagemaker:{self.arn_type}"

    @property
    def deletion(self) -> str:
        return f"sagemaker:Delete{self.noun}"

    def arn(self, entry: E) -> str:
        # SageMaker writes names in ARNs in lower case, except those of training jobs
        return arn_in_region(entry, "sagemaker", f"{self.arn_type}/{entry.name.lower()}")

    def find(self, account: AwsAccount, name: str) -> Answer | None:
        """Return the answer of the Describe operation, or None if the resource does not exist.

        Raises:
            AwsError: SageMaker refuses the call, or does not answer.
        """
        return self.call(account, "describe", name)

    def call(self, account: AwsAccount, verb: str, name: str) -> Answer | None:
        """Call an operation such as "delete" on a resource. Return None if the resource does not exist.

        Raises:
            AwsError: SageMaker refuses the call, or does not answer.
        """
        what = f"{self.kind.replace('_', ' ')} {name}"
        return account.find("sagemaker", f"{verb}_{self.kind}", what, _is_gone, **{f"{self.noun}Name": name})

    def tags(self, account: AwsAccount, arn: str) -> Tags:
        """Return the tags of a resource.

        Raises:
            AwsError: SageMaker refuses the call, or does not answer.
        """
        with aws_errors(f"the tags of {arn}"):
            listed = account.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
        return {tag["Key"]: tag["Value"] for tag in listed}

    def search(self, search: Search) -> Iterator[Found]:
        """Find resources by tag, then by name. The Tagging API lists a new resource only after some time."""
        tagged = {arn: tags for arn, tags in search.tagged.items() if f":{self.arn_type}/" in arn}
        for arn, tags in {**tagged, **self._named(search, tagged)}.items():
            if description := self.find(search.account, arn.rpartition("/")[2]):
                yield Found(self.entry_of(description, search), tags)

    @abstractmethod
    def entry_of(self, description: Answer, search: Search) -> E:
        """Make an entry for a resource that the record does not contain. `description` is the answer of Describe."""

    def statements(self, scope: PolicyScope) -> list[Statement]:
        actions = (*(f"{verb}{self.noun}" for verb in self.operations), *self.other_actions, *_TAGGING)
        return [
            allow(self.statement_id, "sagemaker", actions, scope.sagemaker_arns(self.arn_type)),
            # cleanup uses tags and names to find resources that the record does not contain
            allow("FindByName", "sagemaker", (f"List{self.noun}s",), ["*"]),
            allow("FindByTag", "tag", ("GetResources",), ["*"]),
        ]

    def name_parts(self, search: Search) -> tuple[str, ...]:
        """Return texts to search for. The name of each resource of the project contains one of them."""
        return (f"{search.project}-",)

    def _named(self, search: Search, known: Mapping[str, Tags]) -> dict[str, Tags]:
        """Return the ARNs and tags of the resources that have one of the project's names and its tag."""
        listed: dict[str, str] = {}
        for part in self.name_parts(search):
            with aws_errors(f"{self.noun}s named {part}…", verb="list"):
                paginator = search.account.client("sagemaker").get_paginator(f"list_{self.kind}s")
                listed |= {
                    str(one[f"{self.noun}Arn"]): str(one[f"{self.noun}Name"])
                    for page in paginator.paginate(NameContains=part)
                    for one in page[self.list_member]
                }
        own = [arn for arn, name in listed.items() if is_endpoint_name(name, search.project, search.endpoint_name)]
        tags = {arn: self.tags(search.account, arn) for arn in own if arn not in known}
        return {arn: found for arn, found in tags.items() if found.get(PROJECT_TAG) == search.project}


def _is_gone(error: AwsError) -> bool:
    return error.code == "ValidationException" and any(words in error.message for words in _GONE)
