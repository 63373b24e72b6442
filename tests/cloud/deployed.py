"""Prepare the account for tests of jobs and endpoints."""

from __future__ import annotations

import base64
import io
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import docker

from tests.cloud.emulator import Emulator
from tests.cloud.emulator.outputs import tar_gz
from tests.cloud.roles import ROLE_ARN

BUCKET = "bucket"


def push_image(engine: docker.DockerClient, aws: Emulator, image: str, repository: str = "model") -> str:
    """Push an image from Docker, and return its URI with its tag."""
    ecr = aws.client("ecr")
    uri: str = ecr.create_repository(repositoryName=repository)["repository"]["repositoryUri"]
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    username, _, password = base64.b64decode(token).decode().partition(":")
    engine.images.get(image).tag(uri, "1")
    try:
        said = engine.images.push(uri, tag="1", auth_config={"username": username, "password": password})
        assert "error" not in said, said
    finally:
        engine.images.remove(f"{uri}:1")
    return f"{uri}:1"


def put_files(aws: Emulator, files: dict[str, bytes]) -> None:
    s3 = aws.client("s3")
    if not s3.list_buckets()["Buckets"]:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for key, content in files.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)


def read_archive(aws: Emulator, uri: str) -> dict[str, bytes]:
    """Return the files of a .tar.gz by their paths."""
    content = aws.client("s3").get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        files = {member.name: tar.extractfile(member) for member in tar.getmembers() if member.isfile()}
        return {name: file.read() for name, file in files.items() if file is not None}


def channel(name: str, prefix: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


def job_request(image_uri: str, name: str = "job-1", **changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": image_uri, "TrainingInputMode": "File"},
        "RoleArn": ROLE_ARN,
        "InputDataConfig": [channel("train", "data/train/")],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out/"},
        "ResourceConfig": {"InstanceType": "ml.m4.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **changes,
    }


def wait_for(describe: Callable[[], dict[str, Any]], member: str, *values: str, seconds: float = 60) -> dict[str, Any]:
    """Wait until a member of a description has one of the values. Return the description."""
    end = time.monotonic() + seconds
    while (described := describe())[member] not in values:
        assert time.monotonic() < end, described
        time.sleep(0.05)
    return described


def ended_job(aws: Emulator, name: str = "job-1", seconds: float = 60) -> dict[str, Any]:
    sagemaker = aws.client("sagemaker")
    return wait_for(
        lambda: sagemaker.describe_training_job(TrainingJobName=name),
        "TrainingJobStatus",
        "Completed",
        "Failed",
        "Stopped",
        seconds=seconds,
    )


def log_of(aws: Emulator, group: str) -> str:
    """Return the messages of all streams of a log group."""
    logs = aws.client("logs")
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    events = [
        event
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)[
            "events"
        ]
    ]
    return "\n".join(event["message"] for event in events)


@dataclass
class Deployment:
    """Creates endpoints of one image. The name of an endpoint is `e`."""

    aws: Emulator
    image_uri: str

    def __post_init__(self) -> None:
        self.sagemaker = self.aws.client("sagemaker")
        self.runtime = self.aws.client("sagemaker-runtime")

    def put_model(self, name: str) -> str:
        """Upload an artifact whose model predicts its own name."""
        content = f"{name}\n".encode()
        member = tarfile.TarInfo("model.txt")
        member.size = len(content)
        put_files(self.aws, {f"{name}.tar.gz": tar_gz([(member, content)])})
        return f"s3://{BUCKET}/{name}.tar.gz"

    def config(self, name: str, data_uri: str | None = None, isolated: bool = False, **environment: str) -> None:
        """Create a model and an endpoint config with the same name."""
        container = {
            "Image": self.image_uri,
            "ModelDataUrl": data_uri or self.put_model(name),
            "Environment": environment,
        }
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container, EnableNetworkIsolation=isolated
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InstanceType": "ml.m4.xlarge",
            "InitialInstanceCount": 1,
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])

    def create(self, config: str, name: str = "e", **parameters: Any) -> None:
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, **parameters)

    def settled(self, name: str = "e") -> dict[str, Any]:
        return wait_for(
            lambda: self.sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus", "InService", "Failed"
        )

    def invoke(self, body: bytes, **parameters: Any) -> bytes:
        answer: bytes = self.runtime.invoke_endpoint(EndpointName="e", Body=body, **parameters)["Body"].read()
        return answer
