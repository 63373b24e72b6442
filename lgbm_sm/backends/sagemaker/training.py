"""Training jobs of SageMaker's: started through SageMaker's SDK, followed by their status and their log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.cloudwatch import Log
from lgbm_sm.aws.s3_files import download
from lgbm_sm.aws.tags import MakeTags, sdk_list
from lgbm_sm.backends import TrainingEnding, TrainingInputs, opt_ml
from lgbm_sm.backends.sagemaker.backend import SageMakerBackend
from lgbm_sm.backends.sagemaker.creation import create, describe_created, is_denied, refused_operation
from lgbm_sm.backends.sagemaker.metric_definitions import METRIC_DEFINITIONS
from lgbm_sm.config.backend_sections import AwsSection
from lgbm_sm.config.instance_types import has_local_storage
from lgbm_sm.config.sections import TrainingSection
from lgbm_sm.errors import AwsError, TimedOutError, TrainingError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import TrainingJob, TrainingJobStatus

_ENDED = (TrainingJobStatus.COMPLETED, TrainingJobStatus.FAILED, TrainingJobStatus.STOPPED)
# beyond the job's own limit: instances are waited for, data and outputs moved
_MOST_WAITING_SECONDS = 24 * 3600.0
# CloudWatch shows a line some seconds after it was written
_LOG_DELAY_SECONDS = 4.0


@dataclass(frozen=True)
class JobPlan:
    """What a job is made of, apart from its inputs: `channel_uris` by channel name; `image` by its digest."""

    account: AwsAccount
    role_arn: str
    image: str
    training: TrainingSection
    channel_uris: Mapping[str, str]
    tags: MakeTags


@dataclass
class _ShownLog:
    """A job's log, as far as the caller may read it: without the permission the job is followed all the same."""

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
    """A job that has been created. `lines` gives its log; what becomes of it otherwise goes to `reporter`.

    `is_new`: it was created just now, and SageMaker's reads may not show it yet.
    """

    job: TrainingJob
    backend: SageMakerBackend
    reporter: Reporter
    max_runtime_seconds: float
    is_new: bool = False

    def lines(self) -> Iterator[str]:
        """The lines of the log as they come, until the job has ended; also written to the job's file."""
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
        """How it ended, in SageMaker's own words."""
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
            raise TrainingError(f"there is no training job {self.job.name} any more", "run `lgbm-sm train` again")
        return description


@dataclass(frozen=True, kw_only=True)
class SageMakerTrainer(SageMakerBackend):
    """Starts jobs too, as `plan` says; without one it follows those that are there."""

    reporter: Reporter
    plan: JobPlan | None = None

    @property
    def image(self) -> str:
        """The image's address, by its digest."""
        return self.plan.image if self.plan else ""

    def describe(self) -> str:
        """What the program is started as."""
        if self.plan is None:
            return "SageMaker"
        return f"SageMaker, {self.plan.training.instance_count} x {self.plan.training.instance_type}"

    def start_training(self, job: TrainingJob, inputs: TrainingInputs) -> SageMakerTrainingRun:
        """Create the job; see Backend. The channels are in S3 by then."""
        if self.plan is None:
            raise ValueError("a job is started as a plan says")
        from sagemaker.core.resources import TrainingJob as SdkTrainingJob

        request, account = job_request(job, inputs, self.plan, self.section), self.plan.account
        # the name holds the time: if it is taken, that was our own call, whose answer was lost
        create(
            f"training job {job.name}",
            lambda: SdkTrainingJob.create(**request, session=account.session, region=account.region),
            self.patience,
        )
        return replace(self.follow(job, self.plan.training.max_runtime_seconds), is_new=True)

    def follow(self, job: TrainingJob, max_runtime_seconds: float) -> SageMakerTrainingRun:
        """A job that has been created, whoever did it."""
        return SageMakerTrainingRun(job, self, self.reporter, max_runtime_seconds)

    def collect_outputs(self, job: TrainingJob) -> bool:
        """Fetch model.tar.gz and output.tar.gz; see Backend."""
        account = self.resources(job).account
        output_uri = f"{job.output_uri.rstrip('/')}/{job.name}/output/"
        folder = job.model_artifact_path.parent
        with suppress_missing():
            download(account, f"{output_uri}output.tar.gz", folder / "output.tar.gz")
        with suppress_missing():
            download(account, f"{output_uri}model.tar.gz", job.model_artifact_path)
            return True
        return False


@contextmanager
def suppress_missing() -> Iterator[None]:
    """An object that is not there is no error."""
    try:
        yield
    except AwsError as error:
        if error.code not in ("404", "NoSuchKey", "NoSuchBucket"):
            raise


def follow_up(job_name: str) -> str:
    """The hint after a job was created, and something failed that came after."""
    return f"`lgbm-sm train --attach {job_name}` follows it, `lgbm-sm cleanup` stops and deletes it"


def job_request(job: TrainingJob, inputs: TrainingInputs, plan: JobPlan, section: AwsSection) -> dict[str, Any]:
    """CreateTrainingJob's parameters, under the names that the SDK gives them."""
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
    """Where in a VPC jobs and models are."""
    return {"subnets": list(section.subnets), "security_group_ids": list(section.security_groups)}
