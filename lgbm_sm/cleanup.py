"""`cleanup`: stop and delete the project's resources, then check that none is left."""

from collections.abc import Callable, Collection

from lgbm_sm.aws.resources import KINDS, kind_of
from lgbm_sm.aws.resources.kind import Group
from lgbm_sm.aws.resources.pushed_image import PUSHED_IMAGES
from lgbm_sm.errors import UsageError
from lgbm_sm.inventory import InventorySources, Item, take_inventory
from lgbm_sm.model.lineage import main_metric, read_lineage
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Image, TrainingJob, TrainingJobStatus
from lgbm_sm.removal import Reasons, RemovalResult, by_origin, describe, left_over, remove_items

_IMAGES = Group("images", "image", "images")
_WITH_MODEL = (TrainingJobStatus.COMPLETED, TrainingJobStatus.STOPPED)


def cleanup(
    sources: InventorySources,
    *,
    keep: Collection[str],
    confirm: Callable[[str], bool],
    confirm_adopted: Callable[[str], bool],
    reporter: Reporter,
) -> RemovalResult:
    """Delete all items of the inventory, group after group. Before each group, `confirm` asks the user.

    `keep` contains the names of groups to keep. An item that a kept item needs is also kept. For resources that another
    work folder created, `confirm_adopted` asks the user. The deletion of a training job also deletes the copies of its
    artifacts and logs on this machine. If a deletion fails, the others continue, and the user can run cleanup again. At
    the end, the inventory is taken again to find resources that still exist. A dry run deletes nothing and skips this.
    """
    sources.record.discard_unfinished_write()
    deleted: list[Item] = []
    kept: list[Item] = []
    adopted: list[Item] = []
    reasons: Reasons = {}
    for group in cleanup_groups():
        items = [item for item in take_inventory(sources).items if _group_of(item) == group]
        if not items:
            continue
        needed = items if group.name in keep else [item for item in items if _is_needed(item, kept)]
        if group.name not in keep:
            for reason in dict.fromkeys(filter(None, (kind_of(item.entry).kept_because for item in needed))):
                reporter.warn(reason)
        kept += needed
        own, foreign = by_origin([item for item in items if item not in needed])
        if own and not confirm(_question(group, own)):
            kept += own
        if foreign and not confirm_adopted(_question(group, foreign, ", not created by this folder")):
            kept += foreign
            adopted += foreign
        items = [item for item in items if item not in kept]
        if not items:
            continue
        reporter.step(f"Deleting {_counted(group, len(items))}")
        deleted += remove_items(items, sources, reporter, reasons)
    if sources.accounts.dry_run:
        return RemovalResult(tuple(deleted), tuple(kept), (), tuple(adopted))
    left = left_over(take_inventory(sources), kept, reasons)
    return RemovalResult(tuple(deleted), tuple(kept), left, tuple(adopted))


def cleanup_groups() -> list[Group]:
    """Return the groups in the order of deletion. Local images come after the containers that use them."""
    groups = list(dict.fromkeys(kind.group for kind in KINDS))
    groups.insert(groups.index(PUSHED_IMAGES), _IMAGES)
    return groups


def _group_of(item: Item) -> Group:
    return _IMAGES if isinstance(item.entry, Image) else kind_of(item.entry).group


def _is_needed(item: Item, kept: Collection[Item]) -> bool:
    """Return whether a kept item needs this item."""
    if isinstance(item.entry, Image):
        return False
    kind = kind_of(item.entry)
    return any(kind.is_needed_by(item.entry, other.entry, running=other.running) for other in kept)


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


def _counted(group: Group, count: int) -> str:
    return f"{count} {group.one if count == 1 else group.several}"


def _question(group: Group, items: list[Item], origin: str = "") -> str:
    names = "".join(f"\n  {_described(item)}" for item in items)
    included = f", including {group.includes}" if group.includes else ""
    return f"{_counted(group, len(items))}{included}{origin}:{names}\nDelete?"


def _described(item: Item) -> str:
    """Return the text of an item for a question. For a job with a model, it includes the model's main metric."""
    job = item.entry
    if not isinstance(job, TrainingJob) or item.state not in _WITH_MODEL:
        return describe(item)
    # jobs of earlier versions have their metrics only in the artifact
    metrics = job.metrics or read_lineage(job.model_artifact_path, job.name, [job.name]).metrics
    return f"{describe(item)}: {main_metric(metrics)}"
