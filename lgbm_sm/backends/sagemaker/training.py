"""Training jobs on SageMaker.

Created through its SDK, followed by their status and their log.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.cloudwatch import Log
from lgbm_sm.aws.execution_role import get_execution_role
from lgbm_sm.aws.origin import is_own
from lgbm_sm.aws.s3_files import download
from lgbm_sm.aws.sagemaker_resources import SageMakerResources
from lgbm_sm.aws.tags import MakeTags, sdk_list
from lgbm_sm.aws.upload import upload_channels
from lgbm_sm.backends import StartedJob, TrainingEnding, TrainingInputs, opt_ml
from lgbm_sm.backends.sagemaker.backend import SageMakerBackend
from lgbm_sm.backends.sagemaker.creation import create, describe_created, is_denied, refused_operation
from lgbm_sm.backends.sagemaker.metric_definitions import METRIC_DEFINITIONS
from lgbm_sm.config.backend_sections import AwsSection
from lgbm_sm.config.instance_types import has_local_storage
from lgbm_sm.config.sections import TrainingSection
from lgbm_sm.errors import AwsError, TimedOutError, TrainingError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import TrainingJob, TrainingJobStatus, aws_fields

_ENDED = (TrainingJobStatus.COMPLETED, TrainingJobStatus.FAILED, TrainingJobStatus.STOPPED)
# beyond the job's own limit: instances are waited for, data and outputs moved
_MOST_WAITING_SECONDS = 24 * 3600.0
# CloudWatch shows a line some seconds after it was written
_LOG_DELAY_SECONDS = 4.0


@dataclass(frozen=True)
class JobPlan:
    """Everything that a job requires, apart from its inputs: `channel_uris` by channel name.

    `image` by its digest.
    """

    account: AwsAccount
    role_arn: str
    image: str
    training: TrainingSection
    channel_uris: Mapping[str, str]
    output_uri: str
    tags: MakeTags


@dataclass
class _ShownLog:
    """A job's log; without the permission to read it, the job is followed by its status."""

    log: Log
    reporter: Reporter
    is_denied: bool = False

    def new_lines(self) -> list[str]:
        """The lines since the last call; none, after one warning, if the permission is missing."""
        if self.is_denied:
            return []
        try:
            return self.log.new_lines()
        except AwsError as error:
            if not is_denied(error):
                raise
            self.is_denied = True
            action = f"logs:{refused_operation(error)}"
            self.reporter.warn(f"no log, since {action} is not allowed: the job is followed by its status")
            return []


@dataclass(frozen=True)
class SageMakerTrainingRun:
    """A job that has been created. `lines` yields its log; its status goes to `reporter`.

    `is_new`: it was created a moment ago, and SageMaker's reads may not show it yet.
    """

    job: TrainingJob
    backend: SageMakerBackend
    reporter: Reporter
    max_runtime_seconds: float
    is_new: bool = False

    def lines(self) -> Iterator[str]:
        """The lines of the log as they come, until the job has ended.

        Also written to the job's file.
        """
        log = _ShownLog(self.backend.log(self.job), self.reporter)
        self.job.folder.mkdir(parents=True, exist_ok=True)
        shown = ""
        with self.job.log_path.open("w", encoding="utf-8") as file:
            for line in self._log_lines(log, shown):
                file.write(f"{line}\n")
                file.flush()
                yield line

    def _log_lines(self, log: _ShownLog, shown: str) -> Iterator[str]:
        patience = self.backend.patience
        if self.is_new:
            what, hint = f"training job {self.job.name}", follow_up(self.job.name)
            describe_created(what, self._find, patience, follow=hint)
        for seconds in patience.rounds(self.max_runtime_seconds + _MOST_WAITING_SECONDS):
            description = self._describe()
            for transition in description.get("SecondaryStatusTransitions", ())[-1:]:
                if transition["Status"] != shown:
                    shown = transition["Status"]
                    self.reporter.detail(f"{shown}: {transition.get('StatusMessage', '')} ({seconds:.0f} s)")
            yield from log.new_lines()
            if description["TrainingJobStatus"] in _ENDED:
                break
        else:
            raise TimedOutError(
                f"training job {self.job.name} has not ended", "`lgbm-sm train --attach` waits for it again"
            )
        for _ in patience.rounds(0 if log.is_denied else _LOG_DELAY_SECONDS):
            yield from log.new_lines()

    def wait(self) -> TrainingEnding:
        """How it ended, in SageMaker's words."""
        description = self._describe()
        status = TrainingJobStatus(description["TrainingJobStatus"])
        reason = str(description.get("FailureReason", ""))
        if status is TrainingJobStatus.STOPPED:
            reason = str(description["SecondaryStatus"])
        return TrainingEnding(status, reason, billable_seconds=description.get("BillableTimeInSeconds"))

    def _find(self) -> Mapping[str, Any] | None:
        return self.backend.resources(self.job).find_job(self.job.name)

    def _describe(self) -> Mapping[str, Any]:
        description = self._find()
        if description is None:
            raise TrainingError(f"training job {self.job.name} no longer exists", "run `lgbm-sm train` again")
        return description


@dataclass(frozen=True, kw_only=True)
class SageMakerTrainer(SageMakerBackend):
    """Starts a job as `plan` says; without a plan it follows jobs that exist."""

    plan: JobPlan | None = None

    @classmethod
    def of(cls, backend: SageMakerBackend, plan: JobPlan | None = None) -> "SageMakerTrainer":
        """The backend, with the plan of a job."""
        return cls(**vars(backend), plan=plan)

    def entry_fields(self) -> dict[str, Any]:
        """Image, outputs, account and region; see TrainingBackend."""
        plan = self._required_plan
        return {
            "image": plan.image,
            "output_uri": plan.output_uri,
            "account": plan.account.account_id,
            "region": plan.account.region,
        }

    def describe(self) -> str:
        """Describe the instances."""
        training = self.config.training
        return f"SageMaker, {training.instance_count} x {training.instance_type}"

    def start_training(self, job: TrainingJob, inputs: TrainingInputs) -> SageMakerTrainingRun:
        """Create the job; see TrainingBackend. The channels are in S3 by then."""
        from sagemaker.core.resources import TrainingJob as SdkTrainingJob

        plan = self._required_plan
        request, account = job_request(job, inputs, plan, self.section), plan.account
        # the name contains the time: if it is taken, that was our own call, whose answer was lost
        create(
            f"training job {job.name}",
            lambda: SdkTrainingJob.create(**request, session=account.session, region=account.region),
            self.patience,
        )
        return replace(self.follow(job), is_new=True)

    def follow(self, job: TrainingJob) -> SageMakerTrainingRun:
        """Follow a job that has been created, by any command."""
        return SageMakerTrainingRun(job, self, self.reporter, self.config.training.max_runtime_seconds)

    def ending_after_stop(self, run: StartedJob) -> TrainingEnding:
        """The job may have completed before it was stopped; see TrainingBackend."""
        return run.wait()

    def collect_outputs(self, job: TrainingJob) -> bool:
        """Fetch model.tar.gz and output.tar.gz; see TrainingBackend."""
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
            raise ValueError("a job is started by a plan")
        return self.plan


def prepare_training(
    backend: SageMakerBackend,
    inputs: TrainingInputs,
    *,
    find_image: Callable[[AwsAccount], str],
    check_quota: Callable[[AwsAccount], None],
) -> SageMakerTrainer:
    """Upload the channels, and return the backend with everything else that a job requires.

    Everything that can be refused is refused before the upload: the role, the image by its digest, the quota.
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
    """Find a job by its name, by default the project's last.

    One of another machine is put on record.

    Raises:
        TrainingError: it does not exist.
    """
    jobs = [job for job in backend.record.training_jobs(backend.project) if not job.is_local]
    if name is None:
        if not jobs:
            raise TrainingError(
                f"project {backend.project} has no SageMaker training job on record",
                "name one, as in `lgbm-sm train --attach JOB`; `lgbm-sm status --aws` shows those in the account",
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
    """Ignore that an object does not exist."""
    try:
        yield
    except AwsError as error:
        if error.code not in ("404", "NoSuchKey", "NoSuchBucket"):
            raise


def follow_up(job_name: str) -> str:
    """The hint if a job was created, and a later call failed."""
    return f"`lgbm-sm train --attach {job_name}` follows it, `lgbm-sm cleanup` stops and deletes it"


def job_request(job: TrainingJob, inputs: TrainingInputs, plan: JobPlan, section: AwsSection) -> dict[str, Any]:
    """Return CreateTrainingJob's parameters, by the SDK's names."""
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
        "hyper_parameters": {name: opt_ml.as_string(value) for name, value in inputs.hyperparameters.items()},
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
    """Subnets and security groups of jobs and models."""
    return {"subnets": list(section.subnets), "security_group_ids": list(section.security_groups)}
