"""Delete a job or an endpoint, on any backend."""

from collections.abc import Callable
from contextlib import suppress

from msgspec import structs

from lgbm_sm.errors import WorkFolderError
from lgbm_sm.record.entries import Endpoint, EndpointStatus, Entry, TrainingJobStatus
from lgbm_sm.record.record import Record


def delete(entry: Entry, record: Record, remove: Callable[[Entry], list[str]]) -> list[str]:
    """Delete a job or an endpoint, then its folder, then its entry in the record.

    `remove` is the method of the backend. Something that does not exist is no error. Return the reasons if a part could
    not be deleted. The entry then stays in the record.
    """
    with suppress(WorkFolderError):  # on a full disk, the record can be written only after the folder is deleted
        if isinstance(entry, Endpoint):
            record.update(structs.replace(entry, status=EndpointStatus.DELETING))
        elif entry.status is TrainingJobStatus.IN_PROGRESS:
            # a `train` command that still waits for the job reads here why the job ended
            record.update(structs.replace(entry, status=TrainingJobStatus.STOPPING))
    left = remove(entry)
    if not left:
        try:
            record.remove_folder(entry.folder)
            record.remove(entry)
        except WorkFolderError as error:
            return [error.message]
        except PermissionError as error:  # a container created the file, and the user removed it and its image by hand
            return [f"{error.filename}, which belongs to another user,"]
    return left
