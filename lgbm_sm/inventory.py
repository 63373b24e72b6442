"""Everything of ours that is there: what is on record, and what a lost record would have named."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lgbm_sm.backends import process
from lgbm_sm.record import Endpoint, EndpointStatus, Entry, Place, Record, TrainingJob, TrainingJobStatus

UNKNOWN_PROJECT = "(not on record)"


@dataclass(frozen=True)
class Item:
    """A job or an endpoint. `state` is what is seen now, which a killed or crashed program may have changed."""

    entry: Entry
    state: str
    remark: str


def list_items(record: Record) -> list[Item]:
    """Everything on record, oldest first, then what lies in the work folder or runs on it without an entry."""
    return [_look_at(entry) for entry in (*record.entries(), *_find_unrecorded(record))]


def running_names(record: Record) -> list[str]:
    """The names of the jobs and endpoints whose programs run now."""
    return [item.entry.name for item in list_items(record) if process.is_running(item.entry)]


def _look_at(entry: Entry) -> Item:
    running = process.is_running(entry)
    if entry.project == UNKNOWN_PROJECT:
        return Item(entry, "Running" if running else "Ended", "without an entry in the record")
    return (
        _look_at_endpoint(entry, running=running)
        if isinstance(entry, Endpoint)
        else _look_at_job(entry, running=running)
    )


def _look_at_endpoint(endpoint: Endpoint, *, running: bool) -> Item:
    if endpoint.status is EndpointStatus.IN_SERVICE and not running:
        return Item(endpoint, EndpointStatus.FAILED, "its server has ended; `lgbm-sm deploy` replaces it")
    if endpoint.status is EndpointStatus.CREATING and not running:
        return Item(endpoint, EndpointStatus.FAILED, "the command that created it has ended")
    return Item(endpoint, endpoint.status, endpoint.url)


def _look_at_job(job: TrainingJob, *, running: bool) -> Item:
    if job.status is TrainingJobStatus.IN_PROGRESS and not running:
        return Item(job, TrainingJobStatus.FAILED, "the command that started it has ended")
    if job.status is TrainingJobStatus.COMPLETED:
        return Item(job, job.status, str(job.model_artifact_path))
    return Item(job, job.status, job.failure_reason)


def _find_unrecorded(record: Record) -> list[Entry]:
    known = {entry.folder for entry in record.entries()}
    found: dict[Path, None] = {}
    for parent in (record.jobs_path, record.endpoints_path):
        if parent.is_dir():
            found.update(dict.fromkeys(sorted(folder for folder in parent.iterdir() if folder.is_dir())))
    found.update(dict.fromkeys(_folders_of_programs(record)))
    return [_entry_for(folder, record) for folder in found if folder not in known]


def _folders_of_programs(record: Record) -> list[Path]:
    """The job and endpoint folders that programs run on, though the folders themselves may be deleted."""
    folders = []
    for program in process.find_programs(record.work_path):
        for argument in process.command_line(program):
            path = Path(argument)
            if path.is_relative_to(record.work_path) and len(path.relative_to(record.work_path).parts) > 1:
                folders.append(record.work_path.joinpath(*path.relative_to(record.work_path).parts[:2]))
    return folders


def _entry_for(folder: Path, record: Record) -> Entry:
    created_at = datetime.fromtimestamp(folder.stat().st_mtime, UTC) if folder.exists() else datetime.now(UTC)
    if folder.parent == record.endpoints_path:
        return Endpoint(
            name=folder.name,
            project=UNKNOWN_PROJECT,
            place=Place.PROCESS,
            created_at=created_at,
            folder=folder,
            url="",
            training_job="",
        )
    return TrainingJob(
        name=folder.name, project=UNKNOWN_PROJECT, place=Place.PROCESS, created_at=created_at, folder=folder
    )
