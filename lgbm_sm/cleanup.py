"""`cleanup`: stop and delete what was made, then look again and say what is left."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from lgbm_sm.backends.deletion import delete
from lgbm_sm.errors import UsageError
from lgbm_sm.inventory import Backends, Item, list_items
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Endpoint, Record


class CleanupKind(StrEnum):
    """What cleanup asks for one by one, and what `--keep` takes."""

    ENDPOINTS = "endpoints"
    TRAINING_JOBS = "training-jobs"


@dataclass(frozen=True)
class CleanupResult:
    """What was deleted, what the user wanted kept, and what is there although it should be gone."""

    deleted: tuple[Item, ...]
    kept: tuple[Item, ...]
    left: tuple[Item, ...]


def cleanup(
    record: Record,
    backends: Backends,
    *,
    keep: Collection[CleanupKind],
    confirm: Callable[[str], bool],
    reporter: Reporter,
) -> CleanupResult:
    """Delete everything on record and in the work folder, one kind after the other, each after `confirm`.

    Training jobs take their model artifacts and logs with them. Running it twice is harmless.
    """
    record.discard_unfinished_write()
    deleted: list[Item] = []
    kept: list[Item] = []
    for kind in CleanupKind:
        items = [item for item in list_items(record, backends) if kind_of(item) is kind]
        if not items:
            continue
        if kind in keep or not confirm(_question(kind, items)):
            kept += items
            continue
        reporter.step(f"Deleting {_counted(kind, len(items))}")
        for item in items:
            left = delete(item.entry, record, backends[item.entry.place])
            if left:
                reporter.warn(f"{item.entry.name}: {', '.join(left)} cannot be ended")
            else:
                reporter.detail(f"{item.entry.name} deleted")
                deleted.append(item)
    kept_names = {item.entry.name for item in kept}
    left_over = tuple(item for item in list_items(record, backends) if item.entry.name not in kept_names)
    return CleanupResult(tuple(deleted), tuple(kept), left_over)


def kinds_of(names: str) -> tuple[CleanupKind, ...]:
    """The kinds in a comma-separated list.

    Raises:
        UsageError: a name is none of them.
    """
    kinds = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name not in set(CleanupKind):
            raise UsageError(f"--keep {name}: no such kind", f"the kinds are {', '.join(CleanupKind)}")
        kinds.append(CleanupKind(name))
    return tuple(kinds)


def kind_of(item: Item) -> CleanupKind:
    """The kind that an item is deleted with."""
    return CleanupKind.ENDPOINTS if isinstance(item.entry, Endpoint) else CleanupKind.TRAINING_JOBS


def _counted(kind: CleanupKind, count: int) -> str:
    noun = "endpoint" if kind is CleanupKind.ENDPOINTS else "training job"
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _question(kind: CleanupKind, items: list[Item]) -> str:
    names = "".join(f"\n  {item.entry.name} ({item.state})" for item in items)
    consequence = "" if kind is CleanupKind.ENDPOINTS else ", model artifacts and logs included"
    return f"{_counted(kind, len(items))}{consequence}:{names}\nDelete?"
