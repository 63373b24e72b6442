"""Follow a training job from its record until it ends, and keep its model."""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from lgbm_sm.backends import StartedJob, TrainingBackend, TrainingEnding, TrainingInputs
from lgbm_sm.backends.sagemaker.creation import CreatedError, created_error
from lgbm_sm.backends.sagemaker.job_run import follow_up
from lgbm_sm.errors import AwsError, EngineError, TrainingError
from lgbm_sm.known_issues.lookup import find_issues
from lgbm_sm.model.artifact import digest_of, read_metadata
from lgbm_sm.model.lineage import Lineage
from lgbm_sm.progress import Reporter, iteration_text
from lgbm_sm.record.entries import TrainingJob, TrainingJobStatus
from lgbm_sm.record.record import Record

_LAST_LINES = 10
_WARNING = "[LightGBM] [Warning]"  # LightGBM may repeat a warning for each tree
_TOO_LONG = "MaxRuntimeExceeded"  # the secondary status of a job on SageMaker that exceeds its maximum run time

Stops = Callable[[TrainingJob], bool]
"""Returns whether an interrupt of the command must also stop the job on SageMaker."""


@dataclass(frozen=True)
class TrainedModel:
    """The model of a completed job.

    `metrics` maps each split to its metrics at the best iteration. `warnings` are the program's warnings about the data
    and the model. For a job on SageMaker, AWS bills `billable_seconds` for each instance.
    """

    job_name: str
    model_artifact_path: Path
    metrics: dict[str, dict[str, float]]
    best_iteration: int
    billable_seconds: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Following:
    """The objects that `follow` needs.

    `stops` returns whether an interrupt of the command must also stop the job.
    """

    record: Record
    backend: TrainingBackend
    reporter: Reporter
    stops: Stops = lambda _: True


def start_recorded(job: TrainingJob, inputs: TrainingInputs, following: Following) -> StartedJob:
    """Record the job, then start it.

    Raises:
        TrainingError, AwsError: the job cannot be started. The record then shows it as Failed.
    """
    backend, record = following.backend, following.record
    record.add(job)
    try:
        run = backend.start_training(job, inputs)
    except KeyboardInterrupt:
        _stop(job, following)
        raise
    except (TrainingError, AwsError) as error:  # the backend failed, not the training program
        _require_on_record(job, record)
        with suppress(AwsError):  # if AWS refuses to show the job, its entry in the record stays unchanged
            backend.stop(job)
            _end(job, record, TrainingJobStatus.FAILED, error.message.splitlines()[0])
        raise
    following.reporter.trace(f"log: {job.log_path}")
    return run


def follow(job: TrainingJob, run: StartedJob, following: Following) -> TrainedModel:
    """Show the log until the job has ended, then fetch its outputs. `train` lists the errors."""
    last_lines: deque[str] = deque(maxlen=_LAST_LINES)
    warnings: set[str] = set()
    try:
        for line in run.lines():
            last_lines.append(line)
            if not line.startswith(_WARNING):
                following.reporter.log(line, iteration_text(line))
            elif line not in warnings:
                warnings.add(line)
                following.reporter.log(
                    f"{line} (repeated lines are not shown here; `lgbm-sm logs --training` shows all)"
                )
        ending = run.wait()
    except KeyboardInterrupt:
        _interrupted(job, run, following)
        raise
    except CreatedError:
        raise
    except AwsError as error:
        raise created_error(f"training job {job.name}", error, follow_up(job.name)) from error
    except TrainingError as error:  # the backend failed, not the training program
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
    """Fetch the outputs of a completed job."""
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
    model = Lineage.of(metadata, job.name)
    made = {"metrics": model.metrics, "dataset": model.dataset, "data_fingerprint": model.fingerprint}
    described = structs.replace(job, **made)
    _end(described, following.record, TrainingJobStatus.COMPLETED)
    # repeat the warnings, because they are easy to miss in the log; images of older versions write no warnings
    warnings = tuple(metadata.get("warnings", ()))
    for warning in warnings:
        following.reporter.warn(warning)
    return TrainedModel(
        job.name,
        job.model_artifact_path,
        metadata["metrics"],
        metadata["best_iteration"],
        ending.billable_seconds,
        warnings,
    )


def _interrupted(job: TrainingJob, run: StartedJob, following: Following) -> None:
    """After an interrupt, stop the job or let it continue. Keep the model of a completed job."""
    backend = following.backend
    ending = None
    with suppress(AwsError, EngineError, TrainingError):  # if the state is unknown, treat the job as running
        ending = None if backend.is_running(job) else run.wait()
    if ending is None and following.stops(job):
        following.reporter.step(f"Stopping training job {job.name}")
        backend.stop(job)
        ending = backend.ending_after_stop(run)
    if ending is None:
        return
    if ending.status is TrainingJobStatus.COMPLETED:
        _keep_completed(job, ending, following)
    else:
        _stopped(job, following)


def _keep_completed(job: TrainingJob, ending: TrainingEnding, following: Following) -> None:
    """Fetch the model of a job that was completed before the interrupt.

    A second interrupt ends this. Then the model is still on SageMaker.
    """
    following.reporter.step(f"Training job {job.name} is Completed: its model is kept")
    try:
        model = _completed(job, ending, following)
    except KeyboardInterrupt:
        if not job.is_local:
            following.reporter.detail(f"`lgbm-sm train --attach {job.name}` fetches it")
        raise
    following.reporter.detail(str(model.model_artifact_path))


def _stop(job: TrainingJob, following: Following) -> None:
    following.reporter.step(f"Stopping training job {job.name}")
    following.backend.stop(job)
    _stopped(job, following)


def _stopped(job: TrainingJob, following: Following) -> None:
    if following.backend.collect_outputs(job):
        following.reporter.detail(f"the model at the time of the stop: {job.model_artifact_path}")
    _end(job, following.record, TrainingJobStatus.STOPPED)


def _require_on_record(job: TrainingJob, record: Record) -> None:
    if job not in record.training_jobs():
        raise TrainingError(f"training job {job.name} was stopped by another command", "run `lgbm-sm train` again")


def _not_completed(
    job: TrainingJob, ending: TrainingEnding, last_lines: Iterable[str], following: Following
) -> TrainingError:
    """Return the error for a job that failed or was stopped.

    The model of a stopped job is kept. `deploy` uses it only if `--model` names the job.
    """
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
    model = f"; the model at the time of the stop: {job.model_artifact_path}" if kept else ""
    hint = "run `lgbm-sm train` again"
    if ending.failure_reason == _TOO_LONG:
        hint = "raise training.max_runtime_seconds, and run `lgbm-sm train` again"
    return TrainingError(f"training job {job.name} was stopped ({ending.failure_reason}){model}", hint)


def _end(job: TrainingJob, record: Record, status: TrainingJobStatus, failure_reason: str = "") -> None:
    record.remove_root(job)
    digest = ""
    with suppress(OSError):  # a job that failed has no artifact
        digest = digest_of(job.model_artifact_path)
    record.update(structs.replace(job, status=status, failure_reason=failure_reason, model_sha256=digest))
