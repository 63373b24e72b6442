"""Delete a job or an endpoint, on any backend."""

from collections.abc import Callable
from contextlib import suppress

from msgspec import structs

from lgbm_sm.errors import WorkFolderError
from lgbm_sm.record.entries import Endpoint, EndpointStatus, Entry, TrainingJobStatus
from lgbm_sm.record.record import Record


def delete(entry: Entry, record: Record, remove: Callable[[Entry], list[str]]) -> list[str]:
    """Remove a job or an endpoint, then its folder, then its entry; harmless if it is gone.

    `remove` is the method of its backend. Return the reasons why it is left; its entry is then kept.
    """
    with suppress(WorkFolderError):  # on a full disk there is space for the record once the folder is gone
        if isinstance(entry, Endpoint):
            record.update(structs.replace(entry, status=EndpointStatus.DELETING))
        elif entry.status is TrainingJobStatus.IN_PROGRESS:
            # a `train` that still follows the job sees by this why it ended
            record.update(structs.replace(entry, status=TrainingJobStatus.STOPPING))
    left = remove(entry)
    if not left:
        try:
            record.remove_folder(entry.folder)
            record.remove(entry)
        except WorkFolderError as error:
            return [error.message]
        except PermissionError as error:  # of a container that was removed by hand, with its image
            return [f"{error.filename}, which belongs to another user,"]
    return left
