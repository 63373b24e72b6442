"""A training job. It runs its image as SageMaker does: /opt/ml, statuses, log and outputs."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from docker.errors import APIError
from docker.models.containers import Container

from tests.cloud.emulator.account import Account, LogStream
from tests.cloud.emulator.calls import Call
from tests.cloud.emulator.containers import Containers, Times, archive, exit_code, follow, has_ended, stop
from tests.cloud.emulator.images import Images
from tests.cloud.emulator.outputs import first_text, packed, tar_gz

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
FINAL_STATUSES = ("Completed", "Failed", "Stopped")
FAILURE_CHARACTERS = 1024
ROOT = "/opt/ml"
_FOLDERS = ("input", "input/config", "input/data", "model", "output", "output/data", "checkpoints")
_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Resources released due to the job exceeding its max runtime",
}
_NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type."
)


class JobError(Exception):
    """The job fails for this reason."""


class TrainingJob(threading.Thread):
    def __init__(
        self,
        call: Call,
        arn: str,
        account: Account,
        images: Images,
        containers: Containers,
        times: Times,
        give_back: Callable[[], None],
    ) -> None:
        self.arn = arn
        self.region = call.region
        super().__init__(daemon=True, name=arn)
        self._request = {name: value for name, value in call.parameters.items() if name != "Tags"}
        self._account = account
        self._images = images
        self._containers = containers
        self._times = times
        self._give_back = give_back
        # as if AWS had no instance of the type left
        self.no_capacity = False
        self._stopped = threading.Event()  # by StopTrainingJob
        self._abandoned = threading.Event()  # by the end of the emulation
        self._lock = threading.Lock()
        now = datetime.now(UTC)
        self._transitions: list[dict[str, Any]] = []
        self._state: dict[str, Any] = {"TrainingJobStatus": "InProgress", "CreationTime": now, "LastModifiedTime": now}
        self._metrics: dict[str, dict[str, Any]] = {}
        self._enter("Starting")

    @property
    def job_name(self) -> str:
        return str(self._request["TrainingJobName"])

    def description(self) -> dict[str, Any]:
        with self._lock:
            return {
                "EnableNetworkIsolation": False,
                "EnableInterContainerTrafficEncryption": False,
                "EnableManagedSpotTraining": False,
                **self._request,
                "TrainingJobArn": self.arn,
                **self._state,
                "SecondaryStatusTransitions": [dict(transition) for transition in self._transitions],
                "FinalMetricDataList": list(self._metrics.values()) or None,
            }

    def stop(self) -> bool:
        """Stop the job. Return False if it has already ended."""
        with self._lock:
            if self._state["TrainingJobStatus"] in FINAL_STATUSES:
                return False
            self._state["TrainingJobStatus"] = "Stopping"
        self._enter("Stopping")
        self._stopped.set()
        return True

    def abandon(self) -> None:
        self._abandoned.set()

    def run(self) -> None:
        try:
            self._train()
        except JobError as error:
            self._end("Failed", str(error))
        except (APIError, ClientError) as error:
            if not self._abandoned.is_set():
                self._end("Failed", f"InternalServerError: We encountered an internal error. Please try again. {error}")
        finally:
            self._give_back()

    def _enter(self, status: str) -> None:
        now = datetime.now(UTC)
        with self._lock:
            if self._transitions:
                self._transitions[-1]["EndTime"] = now
            self._transitions.append({"Status": status, "StartTime": now, "StatusMessage": _MESSAGES[status]})
            self._state.update(SecondaryStatus=status, LastModifiedTime=now)

    def _end(self, status: str, reason: str = "", secondary: str = "") -> None:
        self._enter(secondary or status)
        now = datetime.now(UTC)
        with self._lock:
            self._transitions[-1]["EndTime"] = now
            self._state.update(TrainingJobStatus=status, TrainingEndTime=now, FailureReason=reason or None)
            began = self._state.get("TrainingStartTime")
            if began is not None:
                seconds = max(1, round((now - began).total_seconds()))
                self._state.update(TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds)

    def _train(self) -> None:
        self._wait_for_instances()
        if self.no_capacity:
            raise JobError(_NO_CAPACITY)
        if self._stopped.is_set():
            self._end("Stopped")
            return
        with self._lock:
            self._state["TrainingStartTime"] = datetime.now(UTC)
        self._enter("Downloading")
        files = self._input_files()
        try:
            image = self._images.pull(self._request["AlgorithmSpecification"]["TrainingImage"])
        except APIError as error:
            reason = "Either the image does not exist or its permissions are incorrect."
            raise JobError(f"ClientError: Cannot pull algorithm container. {reason} {error.explanation}") from error
        try:
            self._run_image(image, files)
        finally:
            self._images.release(image)

    def _wait_for_instances(self) -> None:
        began, phase = time.monotonic(), self._times.phase
        while not self._stopped.wait(0.05) and not self._abandoned.is_set():
            if time.monotonic() >= began + (phase if self._times.queue is None else self._times.queue):
                break

    def _run_image(self, image: str, files: dict[str, bytes]) -> None:
        channels = {f"input/data/{channel['ChannelName']}" for channel in self._request.get("InputDataConfig", [])}
        volume = self._containers.volume(image, ROOT, archive(files, [*_FOLDERS, *sorted(channels)]))
        container: Container | None = None
        try:
            container = self._create(image, volume)
            self._run_and_upload(container)
        finally:
            self._containers.remove(container, volume)

    def _input_files(self) -> dict[str, bytes]:
        request = self._request
        channels = request.get("InputDataConfig", [])
        files = {
            f"input/data/{channel['ChannelName']}/{name}": content
            for channel in channels
            for name, content in self._account.objects(channel["DataSource"]["S3DataSource"]["S3Uri"])
        }
        instance_type = request["ResourceConfig"]["InstanceType"]
        documents: dict[str, Any] = {
            "hyperparameters": request.get("HyperParameters", {}),
            "inputdataconfig": {channel["ChannelName"]: _channel_document(channel) for channel in channels},
            "resourceconfig": {
                "current_host": "algo-1",
                "current_instance_type": instance_type,
                "current_group_name": "homogeneousCluster",
                "hosts": ["algo-1"],
                "instance_groups": [
                    {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": ["algo-1"]}
                ],
                "network_interface_name": "eth0",
            },
        }
        files.update(
            {f"input/config/{name}.json": json.dumps(document).encode() for name, document in documents.items()}
        )
        return files

    def _create(self, image: str, volume: str) -> Container:
        algorithm = self._request["AlgorithmSpecification"]
        options: dict[str, Any] = {"hostname": "algo-1"}
        if "ContainerEntrypoint" in algorithm:
            options["entrypoint"] = algorithm["ContainerEntrypoint"]
        if self._request.get("EnableNetworkIsolation"):
            options["network_mode"] = "none"
        environment = {
            "TRAINING_JOB_NAME": self.job_name,
            "TRAINING_JOB_ARN": self.arn,
            "AWS_REGION": self.region,
            **self._request.get("Environment", {}),
        }
        command = algorithm.get("ContainerArguments", ["train"])
        return self._containers.create(
            image, command, volume, ROOT, read_only=False, environment=environment, **options
        )

    def _run_and_upload(self, container: Container) -> None:
        self._enter("Training")
        stream = self._account.log(self.region, LOG_GROUP, f"{self.job_name}/algo-1-{int(time.time())}")
        if self._stopped.is_set():
            self._end("Stopped")
            return
        try:
            container.start()
        except APIError as error:
            # as the engine puts it: the image has no such program, or it may not be executed
            raise JobError(f"AlgorithmError: {error.explanation}, exit code: 127") from error
        log = follow(container, lambda lines: self._heard(stream, lines))
        ended_by = self._wait(container)
        if self._abandoned.is_set():
            return
        log.join(30)
        has_ended(container)
        code = exit_code(container)
        if not ended_by and code != 0:
            self._upload("output.tar.gz", packed(container, f"{ROOT}/output/data"))
            text = first_text(container, f"{ROOT}/output/failure")[:FAILURE_CHARACTERS].strip()
            raise JobError(f"AlgorithmError: {text}{', ' if text else ''}exit code: {code}")
        self._enter("Uploading")
        self._upload("output.tar.gz", packed(container, f"{ROOT}/output/data"))
        uri = self._upload("model.tar.gz", packed(container, f"{ROOT}/model") or tar_gz([]))
        with self._lock:
            self._state["ModelArtifacts"] = {"S3ModelArtifacts": uri}
        if ended_by:
            self._end("Stopped", secondary=ended_by)
        else:
            self._end("Completed")

    def _heard(self, stream: LogStream, lines: list[str]) -> None:
        stream.write(lines)
        for definition in self._request["AlgorithmSpecification"].get("MetricDefinitions", []):
            for line in lines:
                for value in re.findall(definition["Regex"], line):
                    metric = {"MetricName": definition["Name"], "Value": float(value), "Timestamp": datetime.now(UTC)}
                    with self._lock:
                        self._metrics[definition["Name"]] = metric

    def _wait(self, container: Container) -> str:
        """Wait until the container ends. Return the secondary status if the job was stopped."""
        end = time.monotonic() + self._request["StoppingCondition"].get("MaxRuntimeInSeconds", 86400)
        while not has_ended(container):
            if self._abandoned.wait(0.1):
                stop(container, 0)
                return "Stopped"
            ended_by = "Stopped" if self._stopped.is_set() else "MaxRuntimeExceeded" if time.monotonic() > end else ""
            if ended_by:
                stop(container, self._times.stop_training)
                return ended_by
        return "Stopped" if self._stopped.is_set() else ""

    def _upload(self, name: str, content: bytes) -> str:
        """Upload content, and return its URI. Without content, do nothing."""
        uri = f"{self._request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.job_name}/output/{name}"
        if content:
            try:
                self._account.write(uri, content)
            except ClientError as error:
                raise JobError(f"ClientError: Artifact upload failed: {error.response['Error']['Message']}") from error
        return uri


def _channel_document(channel: dict[str, Any]) -> dict[str, str]:
    document = {
        "TrainingInputMode": "File",
        "S3DistributionType": channel["DataSource"]["S3DataSource"].get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    return {"ContentType": channel["ContentType"], **document} if "ContentType" in channel else document
