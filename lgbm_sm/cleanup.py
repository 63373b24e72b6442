"""`cleanup`: stop and delete what was made, then look again and say what is left."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from lgbm_sm.aws_entries import delete_from_aws
from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.docker_images import delete_image
from lgbm_sm.errors import AwsError, EngineError, UsageError
from lgbm_sm.inventory import Holdings, Item, list_items
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Endpoint, Image, PushedImage, RecordedEntry, Repository, TrainingJob, Upload


class CleanupKind(StrEnum):
    """What cleanup asks for one by one, and what `--keep` takes."""

    ENDPOINTS = "endpoints"
    TRAINING_JOBS = "training-jobs"
    DATA = "data"
    IMAGES = "images"  # after these: a container of one keeps it
    PUSHED_IMAGES = "pushed-images"
    REPOSITORIES = "repositories"  # after the images in them


@dataclass(frozen=True)
class CleanupResult:
    """What was deleted, what the user wanted kept, and what is there although it should be gone."""

    deleted: tuple[Item, ...]
    kept: tuple[Item, ...]
    left: tuple[Item, ...]


def cleanup(
    holdings: Holdings,
    *,
    keep: Collection[CleanupKind],
    confirm: Callable[[str], bool],
    reporter: Reporter,
) -> CleanupResult:
    """Delete everything on record and in the work folder, one kind after the other, each after `confirm`.

    Training jobs take their model artifacts and logs with them. Running it twice is harmless. Where the engine does
    not answer, or AWS, what they hold is left, and the rest is deleted.
    """
    holdings.record.discard_unfinished_write()
    deleted: list[Item] = []
    kept: list[Item] = []
    for kind in CleanupKind:
        items = [item for item in list_items(holdings) if kind_of(item) is kind]
        if not items:
            continue
        if kind in keep or not confirm(_question(kind, items)):
            kept += items
            continue
        reporter.step(f"Deleting {_counted(kind, len(items))}")
        for item in items:
            left = _delete(item.entry, holdings)
            if left:
                reporter.warn(f"{item.entry.name} is left: {'; '.join(left)}")
            else:
                reporter.detail(f"{item.entry.name} deleted")
                deleted.append(item)
    kept_names = {item.entry.name for item in kept}
    left_over = tuple(item for item in list_items(holdings) if item.entry.name not in kept_names)
    return CleanupResult(tuple(deleted), tuple(kept), left_over)


def _delete(entry: RecordedEntry, holdings: Holdings) -> list[str]:
    """What could not be deleted, or why not."""
    record = holdings.record
    try:
        match entry:
            case Image():
                return delete_image(entry, record, holdings.engine)
            case Upload() | PushedImage() | Repository():
                return delete_from_aws(entry, record, holdings.accounts)
            case TrainingJob() | Endpoint():
                return delete(entry, record, holdings.backends[entry.place])
    except (EngineError, AwsError) as error:
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
    match item.entry:
        case Image():
            return CleanupKind.IMAGES
        case Upload():
            return CleanupKind.DATA
        case PushedImage():
            return CleanupKind.PUSHED_IMAGES
        case Repository():
            return CleanupKind.REPOSITORIES
        case Endpoint():
            return CleanupKind.ENDPOINTS
        case TrainingJob():
            return CleanupKind.TRAINING_JOBS


def _counted(kind: CleanupKind, count: int) -> str:
    if kind is CleanupKind.DATA:
        return f"data in S3, {count} {'address' if count == 1 else 'addresses'}"
    nouns = kind.replace("-", " ")
    noun = nouns.replace("ies", "y") if nouns.endswith("ies") else nouns.removesuffix("s")
    return f"{count} {noun if count == 1 else nouns}"


def _question(kind: CleanupKind, items: list[Item]) -> str:
    names = "".join(f"\n  {item.entry.name} ({item.state})" for item in items)
    consequence = ", model artifacts and logs included" if kind is CleanupKind.TRAINING_JOBS else ""
    return f"{_counted(kind, len(items))}{consequence}:{names}\nDelete?"
