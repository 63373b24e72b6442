"""The kinds of AWS resources that lgbm-sm creates: one module per kind, registered in `KINDS`.

`status`, `cleanup`, `policy`, `--dry-run`, `explain` and the record use this list. To add a kind, write a module with
the record entry and the class of the kind, and add one line here.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import structs

from lgbm_sm.aws.account import Accounts, AwsAccount
from lgbm_sm.aws.resources.container_log import ContainerLogs
from lgbm_sm.aws.resources.endpoint import Endpoints
from lgbm_sm.aws.resources.endpoint_config import EndpointConfigs
from lgbm_sm.aws.resources.endpoint_part import EndpointPart
from lgbm_sm.aws.resources.kind import AccountEntry, ResourceKind, Search
from lgbm_sm.aws.resources.model import Models
from lgbm_sm.aws.resources.pushed_image import PushedImages
from lgbm_sm.aws.resources.repository import Repositories
from lgbm_sm.aws.resources.training_job import TrainingJobs
from lgbm_sm.aws.resources.upload import Uploads
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.record.entries import AwsEntry, RecordedEntry
from lgbm_sm.record.record import Record

# the order of deletion: for example, endpoints before the endpoint configs and models that they use
KINDS: tuple[ResourceKind[Any], ...] = (
    Endpoints(),
    EndpointConfigs(),
    Models(),
    TrainingJobs(),
    ContainerLogs(),
    Uploads(),
    PushedImages(),
    Repositories(),
)
_BY_TYPE: dict[type[RecordedEntry], ResourceKind[Any]] = {kind.entry_type: kind for kind in KINDS}
_ORDER = {kind.entry_type: position for position, kind in enumerate(KINDS)}
TAGGED_TYPES = tuple(kind.tagged_type for kind in KINDS if kind.tagged_type)


def kind_of(entry: RecordedEntry) -> ResourceKind[Any]:
    """Return the kind of an entry. Local training jobs and endpoints have a kind too."""
    return _BY_TYPE[type(entry)]


def arn_of(entry: RecordedEntry) -> str | None:
    """Return the ARN of an entry's resource, or None if the resource is on this machine."""
    return None if entry.is_local else str(kind_of(entry).arn(entry))


def account_of(entry: AccountEntry, accounts: Accounts) -> AwsAccount:
    """Return the account and region of an entry.

    Raises:
        AwsError: AWS does not answer, or the credentials belong to another account.
    """
    return accounts.get(entry.region or None, entry.account or None)


def in_order_of_deletion(entries: Iterable[AwsEntry]) -> list[AwsEntry]:
    """Sort entries by their position in `KINDS`. Entries of the same kind keep their order."""
    return sorted(entries, key=lambda entry: _ORDER[type(entry)])


def find_unrecorded(search: Search) -> list[AccountEntry]:
    """Return an entry for each resource of the project that the record does not contain.

    Raises:
        AwsError: AWS refuses a call, or does not answer.
    """
    return [
        structs.replace(found.entry, adopted=kind.is_adopted(found, search.record.project_id))
        for kind in KINDS
        for found in kind.search(search)
        if not any(kind.is_same(found.entry, entry) for entry in search.known)
    ]


def delete_recorded(entry: AwsEntry, record: Record, accounts: Accounts, patience: Patience | None = None) -> list[str]:
    """Delete a resource, then its entry in the record. A resource that does not exist is no error.

    Return the reasons if the resource could not be deleted. Its entry then stays in the record.

    Raises:
        AwsError: AWS refuses a call, AWS does not answer, or the credentials belong to another account.
    """
    left = kind_of(entry).delete(entry, account_of(entry, accounts), patience or Patience())
    if not left:
        record.remove(entry)
    return left


def endpoint_parts(record: Record, endpoint: str) -> list[EndpointPart]:
    """Return the recorded endpoint configs of an endpoint, then its recorded models."""
    parts = [part for part in record.of_type(EndpointPart) if part.endpoint == endpoint]
    return sorted(parts, key=lambda part: _ORDER[type(part)])
