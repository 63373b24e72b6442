"""`train`: one training job, from the prepared channels to model.tar.gz."""

import json
import tarfile
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lgbm_sm.backends import Backend, Ending, TrainingInputs, opt_ml
from lgbm_sm.config import Config
from lgbm_sm.errors import TrainingError
from lgbm_sm.names import timestamped_name
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Record, TrainingJob, TrainingJobStatus

_LAST_LINES = 10


@dataclass(frozen=True)
class TrainedModel:
    """A completed job. `metrics` maps split (`train`, `validation`) to metric name to value at the best iteration."""

    job_name: str
    model_artifact_path: Path
    metrics: dict[str, dict[str, float]]
    best_iteration: int


def train(
    config: Config,
    channels: dict[str, Path],
    *,
    record: Record,
    backend: Backend,
    because: str,
    reporter: Reporter,
    now: datetime,
) -> TrainedModel:
    """Run a training job on `channels` (channel name to folder) and pack its outputs as SageMaker does.

    `because` says why it runs where it runs. The log is followed as it comes. An interrupt passes SIGTERM on, which
    lets the program save its best model so far; the job is then Stopped.

    Raises:
        TrainingError: the program ended with another code than 0; carries the reason that it gave.
        KeyboardInterrupt: passed on, after the program has ended.
    """
    name = timestamped_name(config.project.name, now)
    folder = record.jobs_path / name
    job = TrainingJob(
        name=name, project=config.project.name, place=backend.place, created_at=now, folder=folder, image=backend.image
    )
    reporter.step(f"Training job {name}: {backend.describe()}")
    reporter.detail(because)
    record.add(job)
    last_lines: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        run = backend.start_training(job, TrainingInputs(channels, config.training.hyperparameters))
        reporter.trace(f"log: {job.log_path}")
        for line in run.lines():
            last_lines.append(line)
            reporter.log(line)
        ending = run.wait()
    except KeyboardInterrupt:
        _stop(job, record, backend, reporter)
        raise
    except TrainingError as error:  # of the place, not of the program
        _require_on_record(job, record)
        backend.stop(job)
        _end(job, record, TrainingJobStatus.FAILED, error.message.splitlines()[0])
        raise
    return _conclude(job, ending, last_lines, record, backend)


def _stop(job: TrainingJob, record: Record, backend: Backend, reporter: Reporter) -> None:
    reporter.step(f"Stopping training job {job.name}")
    backend.stop(job)
    if backend.collect_outputs(job):
        reporter.detail(f"the model as it was when it was stopped: {job.model_artifact_path}")
    _end(job, record, TrainingJobStatus.STOPPED)


def _require_on_record(job: TrainingJob, record: Record) -> None:
    if job not in record.training_jobs():
        raise TrainingError(f"training job {job.name} was stopped by another command", "run `lgbm-sm train` again")


def _conclude(
    job: TrainingJob, ending: Ending, last_lines: deque[str], record: Record, backend: Backend
) -> TrainedModel:
    _require_on_record(job, record)
    if ending.exit_code != 0:
        failure = ending.failure.splitlines()[0]
        _end(job, record, TrainingJobStatus.FAILED, failure)
        shown = "" if ending.reason else "".join(f"\n  {line}" for line in last_lines)
        raise TrainingError(f"training job {job.name} failed: {failure}{shown}", f"the whole log: {job.log_path}")
    backend.collect_outputs(job)
    metadata = read_metadata(job.model_artifact_path)
    _end(job, record, TrainingJobStatus.COMPLETED)
    return TrainedModel(job.name, job.model_artifact_path, metadata["metrics"], metadata["best_iteration"])


def _end(job: TrainingJob, record: Record, status: TrainingJobStatus, failure_reason: str = "") -> None:
    opt_ml.remove_tree(job.root_path)
    record.update(job.model_copy(update={"status": status, "failure_reason": failure_reason}))


def read_metadata(model_artifact_path: Path) -> dict[str, Any]:
    """The metadata.json of a model artifact.

    Raises:
        TrainingError: the archive is missing or damaged, or holds none.
    """
    try:
        with tarfile.open(model_artifact_path) as archive:
            member = archive.extractfile("metadata.json")
            if member is None:
                raise KeyError("metadata.json is no file")
            metadata: dict[str, Any] = json.load(member)
            return metadata
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise TrainingError(
            f"{model_artifact_path} is not a model artifact of this program: {error}", "run `lgbm-sm train` again"
        ) from error


def find_completed_job(record: Record, project: str) -> TrainingJob | None:
    """The project's last training job that completed and whose artifact is there."""
    for job in reversed(record.training_jobs(project)):
        if job.status is TrainingJobStatus.COMPLETED and job.model_artifact_path.exists():
            return job
    return None
