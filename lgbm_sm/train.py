"""Start a training job on the configured backend, show its log, and keep its model."""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from lgbm_sm import ecr
from lgbm_sm.aws.channel_upload import UploadedChannels, upload_channels
from lgbm_sm.backends import StartedJob, TrainingBackend, TrainingEnding, TrainingInputs
from lgbm_sm.backends.sagemaker.creation import CreatedError, created_error
from lgbm_sm.backends.sagemaker.job_run import follow_up
from lgbm_sm.backends.sagemaker.training import SageMakerTrainer, find_job, prepare_training
from lgbm_sm.config.instance_types import InstancePurpose, platform_of
from lgbm_sm.config.lightgbm_parameters import as_strings, length_problems
from lgbm_sm.config.sections import Pattern
from lgbm_sm.doctor.quotas import WantedInstances, require_quota
from lgbm_sm.errors import AwsError, ConfigError, EngineError, TrainingError
from lgbm_sm.known_issues.lookup import find_issues
from lgbm_sm.model.artifact import digest_of, read_metadata
from lgbm_sm.model.lineage import Lineage
from lgbm_sm.names import timestamped_name
from lgbm_sm.preparation.schema import load_schema
from lgbm_sm.prepared import current_channels
from lgbm_sm.progress import Reporter, iteration_text
from lgbm_sm.record.entries import TrainingJob, TrainingJobStatus
from lgbm_sm.record.record import Record
from lgbm_sm.workspace import Workspace, choose_local_backend, tag_of

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


def train(workspace: Workspace, stops: Stops = lambda _: True) -> TrainedModel:
    """Run a training job on the prepared channels, and wait for its end.

    After an interrupt, the program in the job gets SIGTERM and saves its best model so far. The job is then Stopped.

    Raises:
        TrainingError: the job failed. The message has the program's reason or the last lines of the log.
        AwsError: SageMaker refuses the job, or does not answer.
        CreatedError: the job exists and is billed, but its state cannot be read.
        KeyboardInterrupt: the user interrupted the command. Raised when the job has ended, or at once if it continues.
    """
    job, run, backend = _start(workspace)
    return follow(job, run, Following(workspace.record, backend, workspace.reporter, stops))


def start(workspace: Workspace) -> TrainingJob:
    """Start a job on SageMaker, and do not wait for its end.

    Raises:
        TrainingError: the configuration trains on this machine. There, a job ends together with the command.
    """
    section = workspace.config.training
    if section.is_local:
        raise TrainingError(
            f"training.instance_type: {section.instance_type}: on this machine a job ends with the command that "
            "runs it",
            "set training.instance_type to a SageMaker instance type, or omit --no-wait",
        )
    job, _, _ = _start(workspace)
    return job


def plan(workspace: Workspace) -> None:
    """Collect the AWS calls that would create a job. A job on this machine makes no call."""
    if workspace.config.training.is_local:
        current_channels(workspace)
        choose_local_backend(workspace, Pattern.BYOC)
    else:
        start(workspace)


def attach(workspace: Workspace, name: str | None, stops: Stops) -> TrainedModel:
    """Show the log of a SageMaker training job until it ends, and keep its model.

    The default of `name` is the project's latest job.

    Raises:
        TrainingError: the job does not exist, or it failed.
    """
    backend = SageMakerTrainer.of(workspace.sagemaker)
    job = find_job(backend, name)
    workspace.reporter.step(f"Training job {job.name}: SageMaker")
    return follow(job, backend.follow(job), Following(workspace.record, backend, workspace.reporter, stops))


def upload_data(workspace: Workspace) -> UploadedChannels:
    """Upload the prepared channels to S3, where training jobs read them."""
    config = workspace.config
    return upload_channels(
        current_channels(workspace),
        config.aws,
        project=config.project.name,
        account=workspace.accounts.get(config.aws.region),
        record=workspace.record,
        reporter=workspace.reporter,
        now=datetime.now(UTC),
    )


def _start(workspace: Workspace) -> tuple[TrainingJob, StartedJob, TrainingBackend]:
    """Choose the backend, record a new job, and start the job."""
    config, record, reporter = workspace.config, workspace.record, workspace.reporter
    channels = current_channels(workspace)
    _require_fitting_lists(workspace)
    inputs = TrainingInputs(channels, as_strings(config.training.hyperparameters, workspace.folder))
    backend, because = _choose_backend(workspace, inputs)
    created_at = datetime.now(UTC)
    name = timestamped_name(config.project.name, created_at)
    job = TrainingJob(
        name=name,
        project=config.project.name,
        place=backend.place,
        created_at=created_at,
        folder=record.jobs_path / name,
        **backend.entry_fields(),
    )
    reporter.step(f"Training job {job.name}: {backend.describe()}")
    if because:
        reporter.detail(because)
    if not backend.in_container:
        workspace.warn_of_other_containers()
    return job, start_recorded(job, inputs, Following(record, backend, reporter)), backend


def _require_fitting_lists(workspace: Workspace) -> None:
    """Raise ConfigError for lists of hyperparameters that do not fit the prepared features."""
    features = len(load_schema(workspace.data_path).features)
    problems = length_problems(workspace.config.training.hyperparameters, features)
    if problems:
        raise ConfigError(
            "\n".join(workspace.problem(f"training.hyperparameters.{name}", text) for name, text in problems.items())
        )


def _choose_backend(workspace: Workspace, inputs: TrainingInputs) -> tuple[TrainingBackend, str]:
    """Return the backend for training, and the reason for the choice."""
    training = workspace.config.training
    if training.is_local:
        return choose_local_backend(workspace, Pattern.BYOC)
    tag = tag_of(workspace, Pattern.BYOC, platform_of(training.instance_type) or "")
    wanted = WantedInstances(InstancePurpose.TRAINING, training.instance_type, training.instance_count)
    trainer = prepare_training(
        workspace.sagemaker,
        inputs,
        find_image=lambda account: ecr.get_deployed_uri(tag, account, workspace.record),
        check_quota=lambda account: require_quota(account, wanted, workspace.reporter),
    )
    return trainer, ""


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
