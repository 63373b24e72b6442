"""The inventory: all resources of the project, with their current states. Some may be missing in the record."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from lgbm_sm.aws.account import Accounts
from lgbm_sm.aws.resources import account_of, in_order_of_deletion, kind_of
from lgbm_sm.backends import Backend
from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.backends.observation import observe_local
from lgbm_sm.errors import AwsError, EngineError
from lgbm_sm.record.entries import (
    AwsEntry,
    Endpoint,
    Entry,
    Image,
    Place,
    RecordedEntry,
    TrainingJob,
    TrainingJobStatus,
)
from lgbm_sm.record.record import Record

Backends = Mapping[Place, Backend]


@dataclass(frozen=True)
class InventorySources:
    """The sources of an inventory. With `finds_images`, also find images that the record does not contain."""

    record: Record
    backends: Backends
    engine: Engine
    accounts: Accounts
    project: str
    finds_images: bool


class Item(NamedTuple):
    """One resource.

    `state` is the current state. It may differ from the record if a program was killed or failed. `running` is None if
    it is unknown whether the resource runs.
    """

    entry: RecordedEntry
    state: str
    remark: str
    running: bool | None


class Inventory(NamedTuple):
    """The resources that were found. Each error in `problems` may hide more resources."""

    items: tuple[Item, ...]
    problems: tuple[AwsError, ...]

    @property
    def is_unreachable(self) -> bool:
        """Whether AWS was called but did not answer. The states of AWS resources then come from the record."""
        from_aws = [item for item in self.items if not item.entry.is_local]
        return bool(self.problems) and all(item.state == "Unknown" or _is_from_record(item) for item in from_aws)


def take_inventory(sources: InventorySources) -> Inventory:
    """Return jobs and endpoints, oldest first, then images, then other AWS resources.

    AWS is called only if the configuration uses SageMaker, or if the record contains an AWS resource.
    """
    record = sources.record
    found, problems = _find_unrecorded(sources)
    jobs_and_endpoints = [entry for entry in found if isinstance(entry, TrainingJob | Endpoint)]
    other = [*record.aws_entries(), *(entry for entry in found if isinstance(entry, AwsEntry))]
    items = [
        *(_running_item(entry, sources.backends[entry.place]) for entry in (*record.entries(), *jobs_and_endpoints)),
        *(_image_item(image, sources.engine) for image in (*record.images(), *_unrecorded_images(sources))),
        *(_aws_item(entry, sources.accounts) for entry in in_order_of_deletion(other)),
    ]
    return Inventory(tuple(_with_origin(item) for item in items), tuple(problems))


def _find_unrecorded(sources: InventorySources) -> tuple[list[RecordedEntry], list[AwsError]]:
    found: dict[tuple[str, str], RecordedEntry] = {}
    problems = []
    for backend in sources.backends.values():
        try:
            # the first backend, process, finds every folder; the backend that runs the job or endpoint overrides this
            found |= {(entry.kind, entry.name): entry for entry in backend.find_unrecorded(sources.record)}
        except EngineError:  # the items of recorded containers show this error
            continue
        except AwsError as error:
            problems.append(AwsError(f"resources at AWS that are not on record: {error.message}", error.hint))
    return list(found.values()), problems


def _unrecorded_images(sources: InventorySources) -> list[Image]:
    from lgbm_sm.backends.docker.images import find_unrecorded

    if sources.finds_images:
        with suppress(EngineError):  # the items of recorded images show this error
            return find_unrecorded(sources.project, sources.record, sources.engine)
    return []


def _with_origin(item: Item) -> Item:
    if not item.entry.adopted:
        return item
    return item._replace(remark="; ".join(filter(None, (item.remark, "not created by this folder"))))


def _running_item(entry: Entry, backend: Backend) -> Item:
    """Return the item of a job or an endpoint."""
    try:
        return Item(entry, *backend.observe(entry))
    except (EngineError, AwsError) as error:
        if isinstance(entry, TrainingJob) and entry.status is TrainingJobStatus.COMPLETED:
            return Item(entry, *observe_local(entry, running=False))
        return Item(entry, "Unknown", error.message, running=None)


def _aws_item(entry: AwsEntry, accounts: Accounts) -> Item:
    """Return the item of an AWS resource that is not a job or an endpoint."""
    try:
        return Item(entry, *kind_of(entry).observe(entry, account_of(entry, accounts)))
    except AwsError as error:
        return Item(entry, "Unknown", error.message, running=False)


def _is_from_record(item: Item) -> bool:
    """Return whether the item is a completed job whose state comes from the record, as in `_running_item`."""
    return isinstance(item.entry, TrainingJob) and item.remark == str(item.entry.model_artifact_path)


def _image_item(image: Image, engine: Engine) -> Item:
    from lgbm_sm.backends.docker.images import find_image

    try:
        found = find_image(image, engine)
    except EngineError as error:
        return Item(image, "Unknown", error.message, running=False)
    if found:
        return Item(image, "Available", image.pattern, running=False)
    return Item(image, "Gone" if image.image_id else "Unfinished", "Docker does not have this image", running=False)
