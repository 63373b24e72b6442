"""`cleanup`: stop and delete what was made, then look again and say what is left."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lgbm_sm.aws.arns import arn_of
from lgbm_sm.aws.entries import delete_from_aws
from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.docker.images import delete_image
from lgbm_sm.errors import AwsError, EngineError, ImageError, UsageError
from lgbm_sm.inventory import Holdings, Inventory, Item, take_inventory
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import (
    ContainerLog,
    Endpoint,
    EndpointConfig,
    Image,
    Model,
    Place,
    PushedImage,
    RecordedEntry,
    Repository,
    TrainingJob,
    Upload,
)


class CleanupKind(StrEnum):
    """What cleanup asks for one by one, and what `--keep` takes."""

    ENDPOINTS = "endpoints"
    TRAINING_JOBS = "training-jobs"
    LOGS = "logs"  # found only where `--logs` asks for them
    DATA = "data"
    IMAGES = "images"  # after these: a container of one keeps it
    PUSHED_IMAGES = "pushed-images"
    REPOSITORIES = "repositories"  # after the images in them


_KIND_OF: Mapping[type[RecordedEntry], CleanupKind] = {
    Endpoint: CleanupKind.ENDPOINTS,
    EndpointConfig: CleanupKind.ENDPOINTS,
    Model: CleanupKind.ENDPOINTS,
    TrainingJob: CleanupKind.TRAINING_JOBS,
    ContainerLog: CleanupKind.LOGS,
    Upload: CleanupKind.DATA,
    Image: CleanupKind.IMAGES,
    PushedImage: CleanupKind.PUSHED_IMAGES,
    Repository: CleanupKind.REPOSITORIES,
}


@dataclass(frozen=True)
class LeftOver:
    """What is there although it should be gone: `name` is the ARN of what is AWS's."""

    name: str
    reason: str


@dataclass(frozen=True)
class CleanupResult:
    """What was deleted, what the user wanted kept, and what is there although it should be gone.

    `adopted` is what was kept because another work folder created it.
    """

    deleted: tuple[Item, ...]
    kept: tuple[Item, ...]
    left: tuple[LeftOver, ...]
    adopted: tuple[Item, ...]


def cleanup(
    holdings: Holdings,
    *,
    keep: Collection[CleanupKind],
    confirm: Callable[[str], bool],
    confirm_adopted: Callable[[str], bool],
    reporter: Reporter,
) -> CleanupResult:
    """Delete everything on record, in the work folder, and of the project at AWS, kind after kind, after `confirm`.

    What another work folder created is deleted only after `confirm_adopted`, and with it what it needs.
    Training jobs take their model artifacts and logs here with them. Running it twice is harmless. What cannot be
    deleted does not keep the rest from it. Then everything is looked for once more. In a rehearsal nothing is deleted.
    """
    holdings.record.discard_unfinished_write()
    deleted: list[Item] = []
    kept: list[Item] = []
    adopted: list[Item] = []
    reasons: dict[tuple[str, str], str] = {}
    for kind in CleanupKind:
        items = [item for item in take_inventory(holdings).items if kind_of(item) is kind]
        if not items:
            continue
        needed = items if kind in keep else [item for item in items if _is_needed(item, kept)]
        if needed and kind is CleanupKind.DATA and kind not in keep:
            reporter.warn("the data in S3 are kept: the endpoint or the job that is kept reads them")
        kept += needed
        own, foreign = _by_origin([item for item in items if item not in needed])
        if own and not confirm(_question(kind, own)):
            kept += own
        if foreign and not confirm_adopted(_question(kind, foreign, ", not created by this folder")):
            kept += foreign
            adopted += foreign
        items = [item for item in items if item not in kept]
        if not items:
            continue
        reporter.step(f"Deleting {_counted(kind, len(items))}")
        for item in items:
            left = _delete(item.entry, holdings)
            if left:
                reasons[_key(item)] = reason = "; ".join(left)
                reporter.warn(f"{_noun(item)} {item.entry.name} is left: {reason}")
            else:
                reporter.detail(f"{_noun(item)} {item.entry.name} deleted")
                deleted.append(item)
    if holdings.accounts.rehearsal:
        return CleanupResult(tuple(deleted), tuple(kept), (), tuple(adopted))
    left_over = _left_over(take_inventory(holdings), kept, reasons)
    return CleanupResult(tuple(deleted), tuple(kept), left_over, tuple(adopted))


def _by_origin(items: Collection[Item]) -> tuple[list[Item], list[Item]]:
    """What this work folder created, and what is adopted, with all that an adopted endpoint is made of."""
    endpoints = {item.entry.name for item in items if isinstance(item.entry, Endpoint) and item.entry.adopted}
    adopted = [
        item
        for item in items
        if item.entry.adopted or (isinstance(item.entry, EndpointConfig | Model) and item.entry.endpoint in endpoints)
    ]
    return [item for item in items if item not in adopted], adopted


def _is_needed(item: Item, kept: Collection[Item]) -> bool:
    """Whether what is kept cannot do without it."""
    match item.entry:
        case Upload():
            return any(_reads_s3(one) for one in kept)
        case Repository() as repository:
            images = [one.entry for one in kept if isinstance(one.entry, PushedImage)]
            return any(image.repository == repository.repository for image in images)
    return False


def _reads_s3(item: Item) -> bool:
    may_run = isinstance(item.entry, TrainingJob) and item.running is not False
    return item.entry.place is Place.AWS and (may_run or isinstance(item.entry, Endpoint))


def _left_over(
    inventory: Inventory, kept: Collection[Item], reasons: Mapping[tuple[str, str], str]
) -> tuple[LeftOver, ...]:
    kept_keys = {_key(item) for item in kept}
    return (
        *(
            LeftOver(arn_of(item.entry), reasons.get(_key(item), f"it is {item.state}"))
            for item in inventory.items
            if _key(item) not in kept_keys
        ),
        *(LeftOver("AWS", error.message) for error in inventory.problems),
    )


def _key(item: Item) -> tuple[str, str]:
    """A model and the endpoint config of a deployment have the same name."""
    return item.entry.kind, item.entry.name


def _delete(entry: RecordedEntry, holdings: Holdings) -> list[str]:
    """What could not be deleted, or why not."""
    record = holdings.record
    try:
        if holdings.accounts.rehearsal and entry.place is not Place.AWS:
            holdings.accounts.rehearsal.note("local", "Delete", kind=entry.kind, name=entry.name)
            return []
        match entry:
            case TrainingJob() | Endpoint() if holdings.accounts.rehearsal:
                return holdings.backends[entry.place].remove(entry)
            case Image():
                return delete_image(entry, record, holdings.engine)
            case TrainingJob() | Endpoint():
                return delete(entry, record, holdings.backends[entry.place])
            case _:
                return delete_from_aws(entry, record, holdings.accounts)
    except (EngineError, ImageError, AwsError) as error:
        return [error.message]


def kinds_of(names: str) -> tuple[CleanupKind, ...]:
    """The kinds in a comma-separated list; each may also be named in the singular.

    Raises:
        UsageError: a name is none of them.
    """
    known = {_singular(kind): kind for kind in CleanupKind} | {str(kind): kind for kind in CleanupKind}
    kinds = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name not in known:
            raise UsageError(f"--keep {name}: no such kind", f"the kinds are {', '.join(CleanupKind)}")
        kinds.append(known[name])
    return tuple(kinds)


def kind_of(item: Item) -> CleanupKind:
    """The kind that an item is deleted with."""
    return _KIND_OF[type(item.entry)]


def _noun(item: Item) -> str:
    return item.entry.kind.replace("_", " ")


def described(item: Item) -> str:
    """The kind, the name and the state of an item, for a message."""
    return f"{_noun(item)} {item.entry.name} ({item.state})"


def _singular(kind: CleanupKind) -> str:
    return kind.replace("ies", "y") if kind.endswith("ies") else kind.removesuffix("s")


def _counted(kind: CleanupKind, count: int) -> str:
    if kind is CleanupKind.ENDPOINTS and count > 1:
        return f"endpoints and what they are made of, {count} in all"
    if kind is CleanupKind.DATA:
        return f"data in S3, {count} {'address' if count == 1 else 'addresses'}"
    return f"{count} {(_singular(kind) if count == 1 else kind).replace('-', ' ')}"


def _question(kind: CleanupKind, items: list[Item], origin: str = "") -> str:
    names = "".join(f"\n  {described(item)}" for item in items)
    consequence = ", model artifacts and logs included" if kind is CleanupKind.TRAINING_JOBS else ""
    return f"{_counted(kind, len(items))}{consequence}{origin}:{names}\nDelete?"
