"""Repositories in ECR that lgbm-sm created."""

from collections.abc import Iterator

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.ecr_repository import EcrRepository
from lgbm_sm.aws.policy_scope import PolicyScope, Statement, allow
from lgbm_sm.aws.resources.kind import Found, Group, ResourceKind, Search, arn_in_region, availability
from lgbm_sm.aws.tags import Tags
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.record.entries import AwsEntry, Observation, RecordedEntry

REPOSITORIES = Group("repositories", "repository", "repositories")


class EcrEntry(AwsEntry, frozen=True, kw_only=True):
    """A repository, or an image in it."""

    repository: str


class Repository(EcrEntry, frozen=True, kw_only=True, tag="repository"):
    """A repository. `name` is `<account>/<region>/<repository>`."""


class Repositories(ResourceKind[Repository]):
    """The kind "repository". A repository is deleted only if it is empty and has the project's tag."""

    entry_type = Repository
    group = REPOSITORIES
    deletion = "ecr:DeleteRepository if it is empty"
    tagged_type = "ecr:repository"

    def arn(self, entry: Repository) -> str:
        return arn_in_region(entry, "ecr", f"repository/{entry.repository}")

    def observe(self, entry: Repository, account: AwsAccount) -> Observation:
        return availability(entry, exists=EcrRepository(account, entry.repository).is_tagged(entry.project))

    def delete(self, entry: Repository, account: AwsAccount, patience: Patience) -> list[str]:  # noqa: ARG002
        repository = EcrRepository(account, entry.repository)
        return repository.delete() if repository.is_tagged(entry.project) else []

    def search(self, search: Search) -> Iterator[Found]:
        for repository, tags in find_repositories(search):
            name = f"{search.account.account_id}/{search.account.region}/{repository.name}"
            yield Found(Repository(name=name, repository=repository.name, **search.fields()), tags)

    def is_needed_by(self, entry: Repository, other: RecordedEntry, *, running: bool | None) -> bool:  # noqa: ARG002
        """Return whether `other` is an image in this repository."""
        return (
            isinstance(other, EcrEntry)
            and not isinstance(other, Repository)
            and (other.account, other.region, other.repository) == (entry.account, entry.region, entry.repository)
        )

    def statements(self, scope: PolicyScope) -> list[Statement]:
        arns = scope.repository_arns
        return [
            allow("FindByTag", "tag", ("GetResources",), ["*"]),
            allow("LookAtRepositories", "ecr", ("DescribeRepositories", "ListTagsForResource"), arns),
            allow("MakeRepositories", "ecr", ("CreateRepository", "PutLifecyclePolicy", "TagResource"), arns),
            allow("DeleteImages", "ecr", ("DeleteRepository",), arns),
        ]


def find_repositories(search: Search) -> Iterator[tuple[EcrRepository, Tags]]:
    """Yield the repositories that have the project's tag, and all their tags."""
    for arn, tags in search.tagged.items():
        _, _, service, _, _, resource = arn.split(":", 5)
        if service == "ecr":
            repository = EcrRepository(search.account, resource.partition("/")[2])
            if repository.is_tagged(search.project):
                yield repository, tags
