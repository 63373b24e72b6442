"""`train`: one training job, from the prepared channels to model.tar.gz."""

import json
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from lgbm_sm.backends import TrainingBackend, TrainingEnding, TrainingInputs, TrainingRun
from lgbm_sm.backends.sagemaker.creation import CreatedError, created_error
from lgbm_sm.backends.sagemaker.training import follow_up
from lgbm_sm.errors import AwsError, EngineError, TrainingError
from lgbm_sm.known_issues.lookup import find_issues
from lgbm_sm.model.archive import ArchiveError
from lgbm_sm.model.artifact import METADATA_FILE, digest_of, read_artifact
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Place, TrainingJob, TrainingJobStatus
from lgbm_sm.record.record import Record

_LAST_LINES = 10
_WARNING = "[LightGBM] [Warning]"  # the same for every tree, where rows are few
_TOO_LONG = "MaxRuntimeExceeded"  # SageMaker's word


@dataclass(frozen=True)
class TrainedModel:
    """A completed job. `metrics` maps split (`train`, `validation`) to metric name to value at the best iteration.

    `billable_seconds` are of one instance, on SageMaker.
    """

    job_name: str
    model_artifact_path: Path
    metrics: dict[str, dict[str, float]]
    best_iteration: int
    billable_seconds: int | None = None


@dataclass(frozen=True)
class Following:
    """How a job is followed. `stops` is asked when the command is interrupted: whether the job is to end with it."""

    record: Record
    backend: TrainingBackend
    reporter: Reporter
    stops: Callable[[TrainingJob], bool] = lambda _: True


def train(job: TrainingJob, inputs: TrainingInputs, because: str, following: Following) -> TrainedModel:
    """Run a training job on `inputs`, and pack its outputs as SageMaker does.

    `because` says why it runs where it runs. The log is followed as it comes. An interrupt passes SIGTERM on, which
    lets the program save its best model so far; the job is then Stopped.

    Raises:
        TrainingError: the job failed; carries the reason that the program gave, or the last lines of its log.
        AwsError: SageMaker refuses the job, or does not answer.
        CreatedError: the job exists and is billed, but it cannot be followed.
        KeyboardInterrupt: passed on, after the program has ended, or where it is to go on.
    """
    return follow(job, start(job, inputs, because, following), following)


def start(job: TrainingJob, inputs: TrainingInputs, because: str, following: Following) -> TrainingRun:
    """Put the job on record and start it.

    Raises:
        TrainingError, AwsError: it cannot be started; the job is then Failed.
    """
    backend, record = following.backend, following.record
    following.reporter.step(f"Training job {job.name}: {backend.describe()}")
    if because:
        following.reporter.detail(because)
    record.add(job)
    try:
        run = backend.start_training(job, inputs)
    except KeyboardInterrupt:
        _stop(job, following)
        raise
    except (TrainingError, AwsError) as error:  # of the place, not of the program
        _require_on_record(job, record)
        with suppress(AwsError):  # whoever may not ask either leaves it on record as it is
            backend.stop(job)
            _end(job, record, TrainingJobStatus.FAILED, error.message.splitlines()[0])
        raise
    following.reporter.trace(f"log: {job.log_path}")
    return run


def follow(job: TrainingJob, run: TrainingRun, following: Following) -> TrainedModel:
    """Show the log until the job has ended, then collect what it has made; see `train`."""
    last_lines: deque[str] = deque(maxlen=_LAST_LINES)
    warnings: set[str] = set()
    try:
        for line in run.lines():
            last_lines.append(line)
            if not line.startswith(_WARNING):
                following.reporter.log(line)
            elif line not in warnings:
                warnings.add(line)
                following.reporter.log(f"{line} (said once here; `lgbm-sm logs --training` has each)")
        ending = run.wait()
    except KeyboardInterrupt:
        _interrupted(job, run, following)
        raise
    except CreatedError:
        raise
    except AwsError as error:
        raise created_error(f"training job {job.name}", error, follow_up(job.name)) from error
    except TrainingError as error:  # of the place, not of the program
        _require_on_record(job, following.record)
        following.backend.stop(job)
        _end(job, following.record, TrainingJobStatus.FAILED, error.message.splitlines()[0])
        raise
    _require_on_record(job, following.record)
    if ending.status is not TrainingJobStatus.COMPLETED:
        raise _not_completed(job, ending, last_lines, following)
    try:
        return _completed(job, ending, following)
    except KeyboardInterrupt:
        _keep_completed(job, ending, following)
        raise


def _completed(job: TrainingJob, ending: TrainingEnding, following: Following) -> TrainedModel:
    """Collect what a completed job has made."""
    try:
        following.backend.collect_outputs(job)
    except AwsError as error:
        hint = "; ".join(filter(None, (error.hint, f"`lgbm-sm train --attach {job.name}` fetches it")))
        message = f"training job {job.name} is Completed, but its model could not be fetched: {error.message}"
        raise AwsError(message, hint, error.code) from error
    try:
        metadata = read_metadata(job.model_artifact_path)
    except TrainingError as error:
        _end(job, following.record, TrainingJobStatus.FAILED, error.message)
        raise
    _end(job, following.record, TrainingJobStatus.COMPLETED)
    return TrainedModel(
        job.name, job.model_artifact_path, metadata["metrics"], metadata["best_iteration"], ending.billable_seconds
    )


def _interrupted(job: TrainingJob, run: TrainingRun, following: Following) -> None:
    """Stop the job, or leave it, as `following` says; one that has completed is kept."""
    ending = None
    with suppress(AwsError, EngineError, TrainingError):  # then it is stopped, or left
        ending = None if following.backend.is_running(job) else run.wait()
    if ending is None and following.stops(job):
        following.reporter.step(f"Stopping training job {job.name}")
        following.backend.stop(job)
        # a program here saves its model when it is stopped, and exits 0; a job on SageMaker may have completed before
        ending = run.wait() if job.place is Place.AWS else TrainingEnding(TrainingJobStatus.STOPPED)
    if ending is None:
        return
    if ending.status is TrainingJobStatus.COMPLETED:
        _keep_completed(job, ending, following)
    else:
        _stopped(job, following)


def _keep_completed(job: TrainingJob, ending: TrainingEnding, following: Following) -> None:
    """Finish a completed job after an interrupt. If that is interrupted too, SageMaker still has its model."""
    following.reporter.step(f"Training job {job.name} is Completed: its model is kept")
    try:
        model = _completed(job, ending, following)
    except KeyboardInterrupt:
        if job.place is Place.AWS:
            following.reporter.detail(f"`lgbm-sm train --attach {job.name}` fetches it")
        raise
    following.reporter.detail(str(model.model_artifact_path))


def _stop(job: TrainingJob, following: Following) -> None:
    following.reporter.step(f"Stopping training job {job.name}")
    following.backend.stop(job)
    _stopped(job, following)


def _stopped(job: TrainingJob, following: Following) -> None:
    if following.backend.collect_outputs(job):
        following.reporter.detail(f"the model as it was when it was stopped: {job.model_artifact_path}")
    _end(job, following.record, TrainingJobStatus.STOPPED)


def _require_on_record(job: TrainingJob, record: Record) -> None:
    if job not in record.training_jobs():
        raise TrainingError(f"training job {job.name} was stopped by another command", "run `lgbm-sm train` again")


def _not_completed(
    job: TrainingJob, ending: TrainingEnding, last_lines: Iterable[str], following: Following
) -> TrainingError:
    """Stopped is no success either: what the model was by then is kept, and deployed only by its job's name."""
    shown = "" if ending.is_explained else "".join(f"\n  {line}" for line in last_lines)
    if ending.status is TrainingJobStatus.FAILED:
        said = ending.failure_reason.splitlines()[0]
        _end(job, following.record, TrainingJobStatus.FAILED, said)
        hint = f"the whole log: {job.log_path}"
        causes = find_issues("\n".join((ending.failure_reason, *last_lines)))
        if causes and not ending.is_explained:
            hint = f"{causes[0].cause} {causes[0].fix}; {hint}"
        return TrainingError(f"training job {job.name} failed: {said}{shown}", hint)
    kept = following.backend.collect_outputs(job)
    _end(job, following.record, TrainingJobStatus.STOPPED, ending.failure_reason)
    model = f"; the model as it was then: {job.model_artifact_path}" if kept else ""
    hint = "run `lgbm-sm train` again"
    if ending.failure_reason == _TOO_LONG:
        hint = "raise training.max_runtime_seconds, and run `lgbm-sm train` again"
    return TrainingError(f"training job {job.name} was stopped ({ending.failure_reason}){model}", hint)


def _end(job: TrainingJob, record: Record, status: TrainingJobStatus, failure_reason: str = "") -> None:
    record.remove_root(job)
    digest = ""
    with suppress(OSError):  # a job that failed has none
        digest = digest_of(job.model_artifact_path)
    record.update(structs.replace(job, status=status, failure_reason=failure_reason, model_sha256=digest))


def read_metadata(model_artifact_path: Path) -> dict[str, Any]:
    """The metadata.json of a model artifact, which is read to its end and compared with its manifest.

    Raises:
        TrainingError: the archive is missing or damaged, or holds no metadata.json, or a broken one.
    """
    try:
        content = read_artifact(model_artifact_path).texts.get(METADATA_FILE)
        if content is None:
            raise ArchiveError(f"holds no {METADATA_FILE}: it is not a model artifact of this program")
        metadata: Any = json.loads(content)
        if not isinstance(metadata, dict) or not {"metrics", "best_iteration"} <= set(metadata):
            raise ArchiveError(f"holds a {METADATA_FILE} without metrics: it is not a model artifact of this program")
        return metadata
    except ArchiveError as error:
        raise TrainingError(f"{model_artifact_path} {error}", "run `lgbm-sm train` again") from error
    except (ValueError, RecursionError) as error:
        raise TrainingError(
            f"{model_artifact_path} holds a broken {METADATA_FILE}: {error}", "run `lgbm-sm train` again"
        ) from error
