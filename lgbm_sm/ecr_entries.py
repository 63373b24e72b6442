"""What `push` has put on record: whether it is there, and how it is taken away."""

from lgbm_sm.aws import Accounts
from lgbm_sm.ecr_repository import EcrRepository
from lgbm_sm.record import EcrEntry, PushedImage, Record, Repository


def find_in_ecr(entry: EcrEntry, accounts: Accounts) -> bool:
    """Whether it is there, and ours.

    Raises:
        AwsError: AWS does not answer, or belongs to another account than the one that the entry was made in.
    """
    repository = _repository(entry, accounts)
    if isinstance(entry, Repository):
        return repository.is_tagged(entry.project)
    return bool(_digests(entry, repository))


def delete_from_ecr(entry: EcrEntry, record: Record, accounts: Accounts) -> list[str]:
    """Delete it, then its entry; harmless when it is gone. Returns why it is left; the entry then stays on record.

    A repository goes only when it is empty and carries the project's tag.

    Raises:
        AwsError: see `find_in_ecr`.
    """
    repository = _repository(entry, accounts)
    if isinstance(entry, PushedImage):
        left = repository.delete_images(_digests(entry, repository))
    else:
        left = repository.delete() if repository.is_tagged(entry.project) else []
    if not left:
        record.remove(entry)
    return left


def _repository(entry: EcrEntry, accounts: Accounts) -> EcrRepository:
    return EcrRepository(accounts.get(entry.region, entry.account), entry.repository)


def _digests(entry: PushedImage, repository: EcrRepository) -> list[str]:
    """Those that are there. A push that was broken off has left its tag at most."""
    if entry.digests:
        return [digest for digest in entry.digests if repository.find_manifest(digest=digest)]
    found = repository.find_manifest(tag=entry.name.rpartition(":")[2])
    return [found.digest] if found else []
