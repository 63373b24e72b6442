"""Delete resources for `cleanup` and `stop`, and report what is left."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

from lgbm_sm.aws.resources import account_of, arn_of, kind_of
from lgbm_sm.aws.resources.kind import AccountEntry
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.docker.images import delete_image
from lgbm_sm.errors import AwsError, EngineError, ImageError
from lgbm_sm.inventory import Inventory, InventorySources, Item
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Endpoint, Image, RecordedEntry, TrainingJob

Reasons = dict[tuple[str, str], str]
"""The reasons why items could not be deleted, by `key_of`."""


@dataclass(frozen=True)
class LeftOver:
    """A resource that could not be deleted. `name` is the ARN of an AWS resource, or the name of a local resource."""

    name: str
    reason: str


@dataclass(frozen=True)
class RemovalResult:
    """The deleted items, the kept items, and the resources that could not be deleted.

    `adopted` contains those kept items that another work folder created.
    """

    deleted: tuple[Item, ...]
    kept: tuple[Item, ...]
    left: tuple[LeftOver, ...]
    adopted: tuple[Item, ...]


def by_origin(items: Collection[Item]) -> tuple[list[Item], list[Item]]:
    """Split items into two lists: the items of this work folder, and the adopted items together with their parts."""
    owners = [item.entry for item in items if item.entry.adopted]
    adopted = [
        item
        for item in items
        if item.entry.adopted or (not isinstance(item.entry, Image) and _is_part_of(item.entry, owners))
    ]
    return [item for item in items if item not in adopted], adopted


def _is_part_of(entry: RecordedEntry, owners: Collection[RecordedEntry]) -> bool:
    kind = kind_of(entry)
    return any(kind.is_part_of(entry, owner) for owner in owners)


def left_over(
    inventory: Inventory, kept: Collection[Item], reasons: Mapping[tuple[str, str], str]
) -> tuple[LeftOver, ...]:
    """Return the items that still exist and are not kept, and the problems that may hide others."""
    kept_keys = {key_of(item) for item in kept}
    return (
        *(
            LeftOver(arn_of(item.entry) or item.entry.name, reasons.get(key_of(item), f"it is {item.state}"))
            for item in inventory.items
            if key_of(item) not in kept_keys
        ),
        *(LeftOver("AWS", error.message) for error in inventory.problems),
    )


def key_of(item: Item) -> tuple[str, str]:
    """Return a unique key. The name is not enough: a model and its endpoint config have the same name."""
    return item.entry.kind, item.entry.name


def remove_items(
    items: Collection[Item], sources: InventorySources, reporter: Reporter, reasons: Reasons
) -> list[Item]:
    """Delete the items in their order, and return the deleted items. Add the reasons for the others to `reasons`."""
    deleted = []
    for item in items:
        if left := _remove(item.entry, sources):
            reasons[key_of(item)] = reason = "; ".join(left)
            reporter.warn(f"{_noun(item)} {item.entry.name} could not be deleted: {reason}")
        else:
            reporter.detail(f"{_noun(item)} {item.entry.name} deleted")
            deleted.append(item)
    return deleted


def _remove(entry: RecordedEntry, sources: InventorySources) -> list[str]:
    """Delete a resource and its entry. Return the reasons if it could not be deleted."""
    record, dry_run = sources.record, sources.accounts.dry_run
    try:
        if dry_run and entry.is_local:
            dry_run.note("local", "Delete", kind=entry.kind, name=entry.name)
            return []
        match entry:
            case Image():
                return delete_image(entry, record, sources.engine)
            case TrainingJob() | Endpoint() if not dry_run:
                remove = sources.backends[entry.place].remove if entry.is_local else partial(_delete_at_aws, sources)
                return delete(entry, record, remove)
            case _:
                left = _delete_at_aws(sources, entry)
        if not left:
            record.remove(entry)
    except (EngineError, ImageError, AwsError) as error:
        return [error.message]
    return left


def _delete_at_aws(sources: InventorySources, entry: AccountEntry) -> list[str]:
    return kind_of(entry).delete(entry, account_of(entry, sources.accounts), Patience())


def _noun(item: Item) -> str:
    return item.entry.kind.replace("_", " ")


def describe(item: Item) -> str:
    """Return a text with the kind, the name and the state of an item."""
    return f"{_noun(item)} {item.entry.name} ({item.state})"
