"""SageMaker's operations on training jobs."""

from __future__ import annotations

import threading
from typing import Any

from botocore.exceptions import ClientError

from tests.cloud.emulator.account import Account, check_role, split_uri
from tests.cloud.emulator.calls import AwsError, Call
from tests.cloud.emulator.containers import Containers, Times
from tests.cloud.emulator.faults import Faults
from tests.cloud.emulator.images import Images
from tests.cloud.emulator.listing import page
from tests.cloud.emulator.quotas import TRAINING, Quotas
from tests.cloud.emulator.tags import Tags
from tests.cloud.emulator.training_job import FINAL_STATUSES, TrainingJob

_NOT_EMULATED = ("CheckpointConfig", "EnableManagedSpotTraining", "DebugHookConfig", "RetryStrategy")


class Training:
    """Its methods are operations of SageMaker."""

    def __init__(
        self,
        account: Account,
        images: Images,
        containers: Containers | None,
        quotas: Quotas,
        faults: Faults,
        tags: Tags,
        times: Times,
    ) -> None:
        self.jobs: dict[str, TrainingJob] = {}
        self._account = account
        self._images = images
        self._containers = containers
        self._quotas = quotas
        self._faults = faults
        self._tags = tags
        self._times = times
        self._lock = threading.Lock()

    def reset(self) -> None:
        """End all jobs now."""
        jobs = list(self.jobs.values())
        for job in jobs:
            job.abandon()
        for job in jobs:
            job.join(60)
        self.jobs.clear()

    def create_training_job(self, call: Call) -> dict[str, Any]:
        given = call.parameters
        name, resources = given["TrainingJobName"], given["ResourceConfig"]
        arn = call.arn(f"training-job/{name}")
        self._check(call)
        assert self._containers is not None, "the emulation was started without an engine"
        with self._lock:
            if (call.region, name) in self._names():
                raise AwsError(
                    "ResourceInUse",
                    "Training job names must be unique within an AWS account and region, and a training job with this "
                    f"name already exists ({arn})",
                )
            give_back = self._quotas.take(resources["InstanceType"], TRAINING, resources["InstanceCount"])
            job = TrainingJob(call, arn, self._account, self._images, self._containers, self._times, give_back)
            job.no_capacity = resources["InstanceType"] in self._faults.no_capacity
            self.jobs[arn] = job
        self._tags.put(arn, given.get("Tags"))
        job.start()
        return {"TrainingJobArn": arn}

    def describe_training_job(self, call: Call) -> dict[str, Any]:
        return self._get(call).description()

    def list_training_jobs(self, call: Call) -> dict[str, Any]:
        jobs = [job.description() for job in self.jobs.values() if job.region == call.region]
        others = ("TrainingJobArn", "CreationTime", "LastModifiedTime", "TrainingEndTime", "TrainingJobStatus")
        return page(call, "TrainingJobSummaries", jobs, "TrainingJobName", others)

    def stop_training_job(self, call: Call) -> dict[str, Any]:
        job = self._get(call)
        if not job.stop():
            status = job.description()["TrainingJobStatus"]
            raise AwsError(
                "ValidationException", f"The request was rejected because the training job is in status {status}."
            )
        return {}

    def delete_training_job(self, call: Call) -> dict[str, Any]:
        """Delete the entry of a job that has ended."""
        job = self._get(call)
        status = job.description()["TrainingJobStatus"]
        if status not in FINAL_STATUSES:
            raise AwsError(
                "ValidationException", f"The request was rejected because the training job is in status {status}."
            )
        job.join(60)
        del self.jobs[job.arn]
        self._tags.of.pop(job.arn, None)
        return {}

    def _names(self) -> set[tuple[str, str]]:
        return {(job.region, job.job_name) for job in self.jobs.values()}

    def _get(self, call: Call) -> TrainingJob:
        job = self.jobs.get(call.arn(f"training-job/{call.parameters['TrainingJobName']}"))
        if job is None:
            raise AwsError("ValidationException", "Requested resource not found.")
        return job

    def _check(self, call: Call) -> None:
        """Raise the errors that CreateTrainingJob returns at once."""
        given = call.parameters
        for name in _NOT_EMULATED:
            if given.get(name):
                raise AwsError("NotImplemented", f"the emulation has no {name}", 501)
        for name in ("RoleArn", "OutputDataConfig", "StoppingCondition"):
            if name not in given:
                raise AwsError("ValidationException", f"{name} must be specified.")
        if given["ResourceConfig"].get("InstanceCount") != 1 or "InstanceType" not in given["ResourceConfig"]:
            raise AwsError("NotImplemented", "the emulation has one instance of one type", 501)
        check_role(given["RoleArn"])
        self._images.check_training(given["AlgorithmSpecification"]["TrainingImage"], given["RoleArn"])
        for channel in given.get("InputDataConfig", []):
            self._check_channel(call, channel["DataSource"]["S3DataSource"])

    def _check_channel(self, call: Call, source: dict[str, Any]) -> None:
        if source["S3DataType"] != "S3Prefix":
            raise AwsError("NotImplemented", f"the emulation has no {source['S3DataType']}", 501)
        uri = source["S3Uri"]
        try:
            if self._account.has_objects(uri):
                return
            reason = ""
        except ClientError as error:
            reason = f" Error message from S3: {error.response['Error']['Message']}"
        raise AwsError(
            "ValidationException",
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            f"exists in the selected region ({call.region}), that objects exist under that S3 prefix, and that the "
            f'role "{call.parameters["RoleArn"]}" has "s3:ListBucket" permissions on bucket "{split_uri(uri)[0]}".{reason}',
        )
