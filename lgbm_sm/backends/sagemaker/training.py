"""Training jobs on SageMaker: prepare, create and find them, and fetch their outputs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.channel_upload import upload_channels
from lgbm_sm.aws.execution_role import get_execution_role
from lgbm_sm.aws.origin import is_own
from lgbm_sm.aws.s3_files import download
from lgbm_sm.aws.sagemaker_lookup import SageMakerResources
from lgbm_sm.aws.tags import MakeTags, sdk_list
from lgbm_sm.backends import StartedJob, TrainingEnding, TrainingInputs, opt_ml
from lgbm_sm.backends.sagemaker.backend import SageMakerBackend
from lgbm_sm.backends.sagemaker.creation import create
from lgbm_sm.backends.sagemaker.job_run import SageMakerTrainingRun
from lgbm_sm.backends.sagemaker.metric_definitions import METRIC_DEFINITIONS
from lgbm_sm.config.backend_sections import AwsSection
from lgbm_sm.config.instance_types import has_local_storage
from lgbm_sm.config.sections import TrainingSection
from lgbm_sm.errors import AwsError, TrainingError
from lgbm_sm.record.entries import TrainingJob, TrainingJobStatus, aws_fields


@dataclass(frozen=True)
class JobPlan:
    """Everything that a job needs, except its inputs.

    `channel_uris` maps the name of each channel to its address. `image` is an address that ends with a digest.
    """

    account: AwsAccount
    role_arn: str
    image: str
    training: TrainingSection
    channel_uris: Mapping[str, str]
    output_uri: str
    tags: MakeTags


@dataclass(frozen=True, kw_only=True)
class SageMakerTrainer(SageMakerBackend):
    """The SageMaker backend for training jobs. `plan` is needed only to start a job."""

    plan: JobPlan | None = None

    @classmethod
    def of(cls, backend: SageMakerBackend, plan: JobPlan | None = None) -> "SageMakerTrainer":
        """Return this kind of backend with the settings of another backend."""
        return cls(**vars(backend), plan=plan)

    def entry_fields(self) -> dict[str, Any]:
        """See TrainingBackend. The fields are image, output address, account and region."""
        plan = self._required_plan
        return {
            "image": plan.image,
            "output_uri": plan.output_uri,
            "account": plan.account.account_id,
            "region": plan.account.region,
        }

    def describe(self) -> str:
        """See TrainingBackend."""
        training = self.config.training
        return f"SageMaker, {training.instance_count} x {training.instance_type}"

    def start_training(self, job: TrainingJob, inputs: TrainingInputs) -> SageMakerTrainingRun:
        """See TrainingBackend. The channels must already be in S3."""
        from sagemaker.core.resources import TrainingJob as SdkTrainingJob

        plan = self._required_plan
        request, account = job_request(job, inputs, plan, self.section), plan.account
        # the name contains the time; so if it already exists, this call created it, and the answer was lost
        create(
            f"training job {job.name}",
            lambda: SdkTrainingJob.create(**request, session=account.session, region=account.region),
            self.patience,
        )
        return replace(self.follow(job), is_new=True)

    def follow(self, job: TrainingJob) -> SageMakerTrainingRun:
        """Follow an existing job. Any command may have created it."""
        return SageMakerTrainingRun(job, self, self.reporter, self.config.training.max_runtime_seconds)

    def ending_after_stop(self, run: StartedJob) -> TrainingEnding:
        """See TrainingBackend. The job may have completed before the stop."""
        return run.wait()

    def collect_outputs(self, job: TrainingJob) -> bool:
        """See TrainingBackend. Download model.tar.gz and output.tar.gz."""
        account = self.resources(job).account
        output_uri = f"{job.output_uri.rstrip('/')}/{job.name}/output/"
        folder = job.model_artifact_path.parent
        with suppress_missing():
            download(account, f"{output_uri}output.tar.gz", folder / "output.tar.gz")
        with suppress_missing():
            download(account, f"{output_uri}model.tar.gz", job.model_artifact_path)
            return True
        return False

    @property
    def _required_plan(self) -> JobPlan:
        if self.plan is None:
            raise ValueError("a plan is needed to start a job")
        return self.plan


def prepare_training(
    backend: SageMakerBackend,
    inputs: TrainingInputs,
    *,
    find_image: Callable[[AwsAccount], str],
    check_quota: Callable[[AwsAccount], None],
) -> SageMakerTrainer:
    """Upload the channels, and return a backend that can start the job.

    All checks come before the upload: role, image and quota.
    """
    config, account = backend.config, backend.account()
    role_arn = get_execution_role(account, config)
    image = find_image(account)
    check_quota(account)
    uploaded = upload_channels(
        inputs.channels,
        config.aws,
        project=backend.project,
        account=account,
        record=backend.record,
        reporter=backend.reporter,
        now=datetime.now(UTC),
    )
    plan = JobPlan(account, role_arn, image, config.training, uploaded.uris, uploaded.output_uri, backend.make_tags)
    return SageMakerTrainer.of(backend, plan)


def find_job(backend: SageMakerBackend, name: str | None) -> TrainingJob:
    """Find a job by its name. The default is the project's last job.

    If another machine started the job, add it to the record.

    Raises:
        TrainingError: the job does not exist.
    """
    jobs = [job for job in backend.record.training_jobs(backend.project) if not job.is_local]
    if name is None:
        if not jobs:
            raise TrainingError(
                f"project {backend.project} has no SageMaker training job on record",
                "`lgbm-sm status --aws` shows the jobs in the account; then run `lgbm-sm train --attach JOB`",
            )
        return jobs[-1]
    for job in jobs:
        if job.name == name:
            return job
    account = backend.account()
    described = SageMakerResources(account).find_job(name)
    if described is None:
        raise TrainingError(
            f"{account.region} has no training job {name}", "`lgbm-sm status --aws` shows the jobs in the account"
        )
    job = TrainingJob(
        name=name,
        **aws_fields(account, backend.project, described["CreationTime"]),
        folder=backend.record.jobs_path / name,
        image=described["AlgorithmSpecification"]["TrainingImage"],
        output_uri=described["OutputDataConfig"]["S3OutputPath"],
        status=TrainingJobStatus.IN_PROGRESS,
        adopted=not is_own(account, described["TrainingJobArn"], backend.record.project_id),
    )
    backend.record.add(job)
    return job


@contextmanager
def suppress_missing() -> Iterator[None]:
    """Ignore the error if an object does not exist."""
    try:
        yield
    except AwsError as error:
        if error.code not in ("404", "NoSuchKey", "NoSuchBucket"):
            raise


def job_request(job: TrainingJob, inputs: TrainingInputs, plan: JobPlan, section: AwsSection) -> dict[str, Any]:
    """Return the parameters of CreateTrainingJob, with the names of the SDK."""
    training = plan.training
    key = {"kms_key_id": section.kms_key} if section.kms_key else {}
    volume_key = section.kms_key and not has_local_storage(training.instance_type)
    optional: dict[str, Any] = {}
    if section.subnets:
        optional["vpc_config"] = vpc_config(section)
    return {
        "training_job_name": job.name,
        "role_arn": plan.role_arn,
        "algorithm_specification": {
            "training_image": plan.image,
            "training_input_mode": "File",
            "metric_definitions": [{"name": name, "regex": regex} for name, regex in METRIC_DEFINITIONS],
        },
        "hyper_parameters": inputs.hyperparameters,
        "input_data_config": [
            {
                "channel_name": name,
                "content_type": opt_ml.content_type_of(name),
                "data_source": {
                    "s3_data_source": {
                        "s3_data_type": "S3Prefix",
                        "s3_uri": uri,
                        "s3_data_distribution_type": "FullyReplicated",
                    }
                },
            }
            for name, uri in plan.channel_uris.items()
        ],
        "output_data_config": {"s3_output_path": job.output_uri, **key},
        "resource_config": {
            "instance_type": training.instance_type,
            "instance_count": training.instance_count,
            "volume_size_in_gb": training.volume_size_gb,
            **({"volume_kms_key_id": section.kms_key} if volume_key else {}),
        },
        "stopping_condition": {"max_runtime_in_seconds": training.max_runtime_seconds},
        "enable_network_isolation": section.network_isolation,
        "tags": sdk_list(plan.tags()),
        **optional,
    }


def vpc_config(section: AwsSection) -> dict[str, list[str]]:
    """Return the subnets and security groups of jobs and models."""
    return {"subnets": list(section.subnets), "security_group_ids": list(section.security_groups)}
