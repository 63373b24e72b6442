"""`cleanup`: stop and delete what was made, then look again and say what is left."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.docker_engine import Engine
from lgbm_sm.backends.docker_images import delete_image
from lgbm_sm.errors import EngineError, UsageError
from lgbm_sm.inventory import Backends, Item, list_items
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Endpoint, Image, Record


class CleanupKind(StrEnum):
    """What cleanup asks for one by one, and what `--keep` takes."""

    ENDPOINTS = "endpoints"
    TRAINING_JOBS = "training-jobs"
    IMAGES = "images"  # last: a container of one keeps it


@dataclass(frozen=True)
class CleanupResult:
    """What was deleted, what the user wanted kept, and what is there although it should be gone."""

    deleted: tuple[Item, ...]
    kept: tuple[Item, ...]
    left: tuple[Item, ...]


def cleanup(
    record: Record,
    backends: Backends,
    engine: Engine,
    *,
    keep: Collection[CleanupKind],
    confirm: Callable[[str], bool],
    reporter: Reporter,
) -> CleanupResult:
    """Delete everything on record and in the work folder, one kind after the other, each after `confirm`.

    Training jobs take their model artifacts and logs with them. Running it twice is harmless. Where the engine does
    not answer, what it holds is left, and the rest is deleted.
    """
    record.discard_unfinished_write()
    deleted: list[Item] = []
    kept: list[Item] = []
    for kind in CleanupKind:
        items = [item for item in list_items(record, backends, engine) if kind_of(item) is kind]
        if not items:
            continue
        if kind in keep or not confirm(_question(kind, items)):
            kept += items
            continue
        reporter.step(f"Deleting {_counted(kind, len(items))}")
        for item in items:
            left = _delete(item, record, backends, engine)
            if left:
                reporter.warn(f"{item.entry.name} is left: {'; '.join(left)}")
            else:
                reporter.detail(f"{item.entry.name} deleted")
                deleted.append(item)
    kept_names = {item.entry.name for item in kept}
    left_over = tuple(item for item in list_items(record, backends, engine) if item.entry.name not in kept_names)
    return CleanupResult(tuple(deleted), tuple(kept), left_over)


def _delete(item: Item, record: Record, backends: Backends, engine: Engine) -> list[str]:
    """What could not be deleted, or why not."""
    try:
        if isinstance(item.entry, Image):
            return delete_image(item.entry, record, engine)
        return delete(item.entry, record, backends[item.entry.place])
    except EngineError as error:
        return [error.message]


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
    if isinstance(item.entry, Image):
        return CleanupKind.IMAGES
    return CleanupKind.ENDPOINTS if isinstance(item.entry, Endpoint) else CleanupKind.TRAINING_JOBS


def _counted(kind: CleanupKind, count: int) -> str:
    noun = kind.replace("-", " ").removesuffix("s")
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _question(kind: CleanupKind, items: list[Item]) -> str:
    names = "".join(f"\n  {item.entry.name} ({item.state})" for item in items)
    consequence = ", model artifacts and logs included" if kind is CleanupKind.TRAINING_JOBS else ""
    return f"{_counted(kind, len(items))}{consequence}:{names}\nDelete?"
