"""Training jobs as the configuration wants them: on this machine, or on SageMaker."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lgbm_sm import ecr
from lgbm_sm.aws.execution_role import get_execution_role
from lgbm_sm.aws.origin import is_own
from lgbm_sm.aws.sagemaker_resources import SageMakerResources
from lgbm_sm.aws.upload import UploadedChannels, upload_channels
from lgbm_sm.backends import TrainingInputs, training
from lgbm_sm.backends.sagemaker.training import JobPlan, SageMakerTrainer
from lgbm_sm.backends.training import Following, TrainedModel
from lgbm_sm.config.instance_types import LOCAL, InstancePurpose, platform_of
from lgbm_sm.config.sections import Pattern
from lgbm_sm.doctor.quotas import WantedInstances, require_quota
from lgbm_sm.errors import TrainingError
from lgbm_sm.images.build_context import image_recipe, image_tag
from lgbm_sm.names import timestamped_name
from lgbm_sm.preparation.schema import training_channels
from lgbm_sm.record.entries import Place, TrainingJob, TrainingJobStatus
from lgbm_sm.workspace import Workspace, choose_local_backend

Stops = Callable[[TrainingJob], bool]
"""Asked when a command that follows a job on SageMaker is interrupted: whether the job is to end with it."""


@dataclass(frozen=True)
class StartedJob:
    """A job that goes on without the command."""

    name: str


def train(workspace: Workspace, stops: Stops = lambda _: True) -> TrainedModel:
    """Run a training job on the prepared channels, and wait for its end; see `training.train`."""
    if workspace.config.training.instance_type != LOCAL:
        job, inputs, trainer = _on_sagemaker(workspace)
        following = Following(workspace.record, trainer, workspace.reporter, stops)
        return training.train(job, inputs, "", following)
    channels = training_channels(workspace.data_path)
    backend, because = choose_local_backend(workspace, Pattern.BYOC)
    job = _new_job(workspace, backend.place, image=backend.image)
    inputs = TrainingInputs(channels, workspace.config.training.hyperparameters)
    return training.train(job, inputs, because, Following(workspace.record, backend, workspace.reporter))


def start(workspace: Workspace) -> StartedJob:
    """Start a job on SageMaker, and leave it running.

    Raises:
        TrainingError: the configuration trains on this machine, where a job ends with its command.
    """
    _require_instances(workspace)
    job, inputs, trainer = _on_sagemaker(workspace)
    training.start(job, inputs, "", Following(workspace.record, trainer, workspace.reporter))
    return StartedJob(job.name)


def rehearse(workspace: Workspace) -> None:
    """Note the calls that create a job; on this machine there are none."""
    if workspace.config.training.instance_type == LOCAL:
        training_channels(workspace.data_path)
        choose_local_backend(workspace, Pattern.BYOC)
    else:
        start(workspace)


def attach(workspace: Workspace, name: str | None, stops: Stops) -> TrainedModel:
    """Follow a job on SageMaker to its end, by default the project's last.

    Raises:
        TrainingError: there is no such job; else as `training.follow`.
    """
    job = _find_job(workspace, name)
    trainer = _trainer(workspace)
    workspace.reporter.step(f"Training job {job.name}: SageMaker")
    following = Following(workspace.record, trainer, workspace.reporter, stops)
    return training.follow(job, trainer.follow(job, workspace.config.training.max_runtime_seconds), following)


def upload_data(workspace: Workspace) -> UploadedChannels:
    """Put the prepared channels into S3, where training jobs read them."""
    config = workspace.config
    return upload_channels(
        training_channels(workspace.data_path),
        config.aws,
        project=config.project.name,
        account=workspace.accounts.get(config.aws.region),
        record=workspace.record,
        reporter=workspace.reporter,
        now=datetime.now(UTC),
    )


def _require_instances(workspace: Workspace) -> None:
    if workspace.config.training.instance_type == LOCAL:
        raise TrainingError(
            f"training.instance_type: {LOCAL}: on this machine a job ends with the command that runs it",
            "set training.instance_type to one of SageMaker's, or leave --no-wait out",
        )


def _on_sagemaker(workspace: Workspace) -> tuple[TrainingJob, TrainingInputs, SageMakerTrainer]:
    """All that a job needs, its channels in S3; what can be refused is refused before they are sent."""
    config = workspace.config
    channels = training_channels(workspace.data_path)
    account = workspace.accounts.get(config.aws.region)
    role_arn = get_execution_role(account, config)
    image = ecr.get_deployed_uri(_training_tag(workspace), account, workspace.record)
    wanted = WantedInstances(InstancePurpose.TRAINING, config.training.instance_type, config.training.instance_count)
    require_quota(account, wanted, workspace.reporter)
    uploaded = upload_data(workspace)
    plan = JobPlan(account, role_arn, image, config.training, uploaded.uris, workspace.tags)
    job = _new_job(
        workspace,
        Place.AWS,
        image=image,
        output_uri=uploaded.output_uri,
        account=account.account_id,
        region=account.region,
    )
    return job, TrainingInputs(channels, config.training.hyperparameters), _trainer(workspace, plan)


def _training_tag(workspace: Workspace) -> str:
    platform = platform_of(workspace.config.training.instance_type)
    return image_tag(image_recipe(workspace.config, Pattern.BYOC, workspace.containers_path, platform or ""))


def _trainer(workspace: Workspace, plan: JobPlan | None = None) -> SageMakerTrainer:
    return SageMakerTrainer(**vars(workspace.sagemaker), reporter=workspace.reporter, plan=plan)


def _new_job(workspace: Workspace, place: Place, **fields: Any) -> TrainingJob:
    now = datetime.now(UTC)
    project = workspace.config.project.name
    name = timestamped_name(project, now)
    folder = workspace.record.jobs_path / name
    return TrainingJob(name=name, project=project, place=place, created_at=now, folder=folder, **fields)


def _find_job(workspace: Workspace, name: str | None) -> TrainingJob:
    project = workspace.config.project.name
    jobs = [job for job in workspace.record.training_jobs(project) if job.place is Place.AWS]
    if name is None:
        if not jobs:
            raise TrainingError(
                f"project {project} has no SageMaker training job on record",
                "name one, as in `lgbm-sm train --attach JOB`; `lgbm-sm status --aws` shows those in the account",
            )
        return jobs[-1]
    for job in jobs:
        if job.name == name:
            return job
    # of another machine, or without its record
    account = workspace.accounts.get(workspace.config.aws.region)
    described = SageMakerResources(account).find_job(name)
    if described is None:
        raise TrainingError(
            f"there is no training job {name} in {account.region}", "`lgbm-sm status --aws` shows those there"
        )
    job = TrainingJob(
        name=name,
        project=project,
        place=Place.AWS,
        created_at=described["CreationTime"],
        folder=workspace.record.jobs_path / name,
        image=described["AlgorithmSpecification"]["TrainingImage"],
        output_uri=described["OutputDataConfig"]["S3OutputPath"],
        status=TrainingJobStatus.IN_PROGRESS,
        account=account.account_id,
        region=account.region,
        adopted=not is_own(account, described["TrainingJobArn"], workspace.record.project_id),
    )
    workspace.record.add(job)
    return job
