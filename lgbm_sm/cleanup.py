"""`cleanup`: stop and delete the project's resources, then check that none is left."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from lgbm_sm.aws.resources import KINDS, account_of, arn_of, kind_of
from lgbm_sm.aws.resources.kind import AccountEntry, Group
from lgbm_sm.aws.resources.pushed_image import PUSHED_IMAGES
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.docker.images import delete_image
from lgbm_sm.errors import AwsError, EngineError, ImageError, UsageError
from lgbm_sm.inventory import Inventory, InventorySources, Item, take_inventory
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Endpoint, Image, RecordedEntry, TrainingJob

_IMAGES = Group("images", "image", "images")


@dataclass(frozen=True)
class LeftOver:
    """A resource that could not be deleted.

    `name` is the ARN of an AWS resource, or the name of a local resource.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class CleanupResult:
    """The deleted items, the kept items, and the resources that could not be deleted.

    `adopted` contains those kept items that another work folder created.
    """

    deleted: tuple[Item, ...]
    kept: tuple[Item, ...]
    left: tuple[LeftOver, ...]
    adopted: tuple[Item, ...]


def cleanup(
    sources: InventorySources,
    *,
    keep: Collection[str],
    confirm: Callable[[str], bool],
    confirm_adopted: Callable[[str], bool],
    reporter: Reporter,
) -> CleanupResult:
    """Delete all items of the inventory, group after group.

    Before each group, `confirm` asks the user. `keep` contains the names of groups to keep. An item that a kept item
    needs is also kept. For resources that another work folder created, `confirm_adopted` asks the user. The deletion of
    a training job also deletes the copies of its artifacts and logs on this machine. If a deletion fails, the others
    continue, and the user can run cleanup again. At the end, the inventory is taken again to find resources that still
    exist. A dry run deletes nothing and skips this.
    """
    sources.record.discard_unfinished_write()
    deleted: list[Item] = []
    kept: list[Item] = []
    adopted: list[Item] = []
    reasons: dict[tuple[str, str], str] = {}
    for group in cleanup_groups():
        items = [item for item in take_inventory(sources).items if _group_of(item) == group]
        if not items:
            continue
        needed = items if group.name in keep else [item for item in items if _is_needed(item, kept)]
        if group.name not in keep:
            for reason in dict.fromkeys(filter(None, (kind_of(item.entry).kept_because for item in needed))):
                reporter.warn(reason)
        kept += needed
        own, foreign = _by_origin([item for item in items if item not in needed])
        if own and not confirm(_question(group, own)):
            kept += own
        if foreign and not confirm_adopted(_question(group, foreign, ", not created by this folder")):
            kept += foreign
            adopted += foreign
        items = [item for item in items if item not in kept]
        if not items:
            continue
        reporter.step(f"Deleting {_counted(group, len(items))}")
        for item in items:
            left = _delete(item.entry, sources)
            if left:
                reasons[_key(item)] = reason = "; ".join(left)
                reporter.warn(f"{_noun(item)} {item.entry.name} could not be deleted: {reason}")
            else:
                reporter.detail(f"{_noun(item)} {item.entry.name} deleted")
                deleted.append(item)
    if sources.accounts.dry_run:
        return CleanupResult(tuple(deleted), tuple(kept), (), tuple(adopted))
    left_over = _left_over(take_inventory(sources), kept, reasons)
    return CleanupResult(tuple(deleted), tuple(kept), left_over, tuple(adopted))


def cleanup_groups() -> list[Group]:
    """Return the groups in the order of deletion.

    Local images come after the containers that use them.
    """
    groups = list(dict.fromkeys(kind.group for kind in KINDS))
    groups.insert(groups.index(PUSHED_IMAGES), _IMAGES)
    return groups


def _group_of(item: Item) -> Group:
    return _IMAGES if isinstance(item.entry, Image) else kind_of(item.entry).group


def _by_origin(items: Collection[Item]) -> tuple[list[Item], list[Item]]:
    """Split items into the items of this work folder, and the adopted items with their parts."""
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


def _is_needed(item: Item, kept: Collection[Item]) -> bool:
    """Return whether a kept item needs this item."""
    if isinstance(item.entry, Image):
        return False
    kind = kind_of(item.entry)
    return any(kind.is_needed_by(item.entry, other.entry, running=other.running) for other in kept)


def _left_over(
    inventory: Inventory, kept: Collection[Item], reasons: Mapping[tuple[str, str], str]
) -> tuple[LeftOver, ...]:
    kept_keys = {_key(item) for item in kept}
    return (
        *(
            LeftOver(arn_of(item.entry) or item.entry.name, reasons.get(_key(item), f"it is {item.state}"))
            for item in inventory.items
            if _key(item) not in kept_keys
        ),
        *(LeftOver("AWS", error.message) for error in inventory.problems),
    )


def _key(item: Item) -> tuple[str, str]:
    """Return a unique key.

    The name is not enough: a model and its endpoint config have the same name.
    """
    return item.entry.kind, item.entry.name


def _delete(entry: RecordedEntry, sources: InventorySources) -> list[str]:
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


def groups_of(names: str) -> tuple[str, ...]:
    """Parse a comma-separated list of group names. Names may be singular, such as `endpoint`.

    Raises:
        UsageError: a name is not the name of a group.
    """
    groups = cleanup_groups()
    known = {name: group.name for group in groups for name in (group.one.replace(" ", "-"), group.name)}
    given = [name for part in names.split(",") if (name := part.strip())]
    for name in given:
        if name not in known:
            kinds = ", ".join(group.name for group in groups)
            raise UsageError(f"--keep {name}: this is not a kind of resource", f"use one or more of: {kinds}")
    return tuple(known[name] for name in given)


def _noun(item: Item) -> str:
    return item.entry.kind.replace("_", " ")


def describe(item: Item) -> str:
    """Return a text with the kind, the name and the state of an item."""
    return f"{_noun(item)} {item.entry.name} ({item.state})"


def _counted(group: Group, count: int) -> str:
    return f"{count} {group.one if count == 1 else group.several}"


def _question(group: Group, items: list[Item], origin: str = "") -> str:
    names = "".join(f"\n  {describe(item)}" for item in items)
    included = f", including {group.includes}" if group.includes else ""
    return f"{_counted(group, len(items))}{included}{origin}:{names}\nDelete?"
