"""Start a training job on the configured backend, show its log, and keep its model."""

from datetime import UTC, datetime

from lgbm_sm import ecr
from lgbm_sm.aws.channel_upload import UploadedChannels, upload_channels
from lgbm_sm.backends import StartedJob, TrainingBackend, TrainingInputs
from lgbm_sm.backends.sagemaker.training import SageMakerTrainer, find_job, prepare_training
from lgbm_sm.config.instance_types import InstancePurpose, platform_of
from lgbm_sm.config.lightgbm_parameters import as_strings, length_problems
from lgbm_sm.config.sections import Pattern
from lgbm_sm.doctor.quotas import WantedInstances, require_quota
from lgbm_sm.errors import ConfigError, TrainingError
from lgbm_sm.following import Following, Stops, TrainedModel, follow, start_recorded
from lgbm_sm.names import timestamped_name
from lgbm_sm.preparation.schema import load_schema
from lgbm_sm.prepared import current_channels
from lgbm_sm.record.entries import TrainingJob
from lgbm_sm.workspace import Workspace, choose_local_backend, tag_of


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
