"""`stop`: end the project's endpoints, and keep what `deploy` needs to start them again."""

from collections.abc import Callable

from lgbm_sm.aws.resources.endpoint_config import EndpointConfig
from lgbm_sm.inventory import InventorySources, Item, take_inventory
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Endpoint
from lgbm_sm.removal import Reasons, RemovalResult, by_origin, describe, left_over, remove_items


def stop(sources: InventorySources, *, confirm_adopted: Callable[[str], bool], reporter: Reporter) -> RemovalResult:
    """Delete each endpoint and its endpoint configs. Keep everything else, such as models.

    Endpoints that another work folder created are deleted only after `confirm_adopted`. A failed deletion does not stop
    the other deletions, and the user can run stop again. At the end, the inventory is taken again. A dry run deletes
    nothing and skips this.
    """
    sources.record.discard_unfinished_write()
    inventory = take_inventory(sources)
    own, adopted = by_origin([item for item in inventory.items if _ends(item)])
    if adopted and confirm_adopted(_question(adopted)):
        own, adopted = [*own, *adopted], []
    reasons: Reasons = {}
    deleted = []
    if own:
        reporter.step(f"Stopping {', '.join(describe(item) for item in own)}")
        deleted = remove_items(own, sources, reporter, reasons)
    if not sources.accounts.dry_run:
        inventory = take_inventory(sources)
    kept = [*adopted, *(item for item in inventory.items if not _ends(item))]
    left = () if sources.accounts.dry_run else left_over(inventory, kept, reasons)
    return RemovalResult(tuple(deleted), tuple(kept), left, tuple(adopted))


def _ends(item: Item) -> bool:
    return isinstance(item.entry, Endpoint | EndpointConfig)


def _question(items: list[Item]) -> str:
    names = "".join(f"\n  {describe(item)}" for item in items)
    return f"not created by this folder:{names}\nStop?"
