"""Projects in the emulated account, and the list of everything in the account."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cloud.emulator import ACCOUNT, REGION, Emulator
from tests.cloud.emulator.containers import RUN_LABEL
from tests.cloud.roles import ROLE, make_role

DEFAULT_BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
PREFIX = "demo_lightgbm"
ROW = b"0.00632,18.0,2.31,0.0,0.538,6.575,65.2,4.09,1.0,296.0,15.3,396.9,4.98"
BOOSTING_ROUNDS = 3
# what tests of failures leave in place, since no instance is billed for it and to push takes long
PUSHED = ("--keep", "images,pushed-images,repositories")
_ENDED = ("Completed", "Failed", "Stopped")


def empty(aws: Emulator) -> Emulator:
    """Return an emptied account. It is for fixtures that several tests share."""
    aws.reset()
    make_role(aws)
    aws.faults.reset()
    return aws


@contextmanager
def cloud_project(
    aws: Emulator,
    engine: docker.DockerClient,
    base_image: str,
    session: str,
    folder: Path,
    *,
    server: ForkServer | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[ForkedCommandLine]:
    """Yield a command line in a new project that trains and serves on SageMaker.

    At the end, cleanup must leave nothing. With a `server`, the commands are forked from it. `settings` are environment
    variables without the prefix `LGBM_SM_`.
    """
    name = f"test-{session}-{uuid.uuid4().hex[:6]}"
    sections = {
        "PROJECT__NAME": name,
        "CONTAINER__BASE_IMAGE": base_image,
        "TRAINING__INSTANCE_TYPE": "ml.m4.2xlarge",
        "ENDPOINT__INSTANCE_TYPE": "ml.m4.xlarge",
        "ENDPOINT__VERIFY": "false",  # in each of them it would take its seconds: test_lifecycle.py has it on
        "AWS__EXECUTION_ROLE": ROLE,
        **(settings or {}),
    }
    environment = {f"LGBM_SM_{section}": value for section, value in sections.items()}
    environment |= {**aws.environment(), "HOME": str(folder)}
    # to push all layers takes long where others work on the machine too
    command_line = ForkedCommandLine(folder, environment, timeout_seconds=600, server=server)
    yield command_line
    aws.permissions.reset()
    aws.faults.reset()
    command_line("cleanup", "--yes", "--output", "json")
    assert engine.images.list(name) == []


def name_of(lgbm_sm: CommandLine) -> str:
    return lgbm_sm.environment["LGBM_SM_PROJECT__NAME"]


def result(lgbm_sm: CommandLine, *arguments: str) -> dict[str, Any]:
    """Return the JSON result of a command."""
    given: dict[str, Any] = json.loads(lgbm_sm(*arguments, "--output", "json").stdout)
    return given


def billed(aws: Emulator) -> list[str]:
    """Return everything in the account that costs money, except images.

    These are running jobs, endpoints and objects in S3. Configs and models are also included, although they cost
    nothing.
    """
    hosting, s3 = aws.hosting, aws.client("s3")
    jobs = [job.arn for job in aws.training.jobs.values() if job.description()["TrainingJobStatus"] not in _ENDED]
    found = [*jobs, *hosting.endpoints, *hosting.configs, *hosting.models]
    for bucket in s3.list_buckets()["Buckets"]:
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"])
        versions = [one for page in pages for kind in ("Versions", "DeleteMarkers") for one in page.get(kind, ())]
        found += [f"s3://{bucket['Name']}/{one['Key']} {one['VersionId']}" for one in versions]
        uploads = s3.list_multipart_uploads(Bucket=bucket["Name"]).get("Uploads", ())
        found += [f"s3://{bucket['Name']}/{one['Key']} (in parts)" for one in uploads]
    return sorted(found)


def held(aws: Emulator) -> list[str]:
    """Return everything in the account."""
    ecr = aws.client("ecr")
    repositories = [repository["repositoryName"] for repository in ecr.describe_repositories()["repositories"]]
    images = [
        f"{repository}@{image['imageDigest']}"
        for repository in repositories
        for image in ecr.list_images(repositoryName=repository)["imageIds"]
    ]
    buckets = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
    return sorted([*billed(aws), *aws.training.jobs, *repositories, *images, *buckets])


def running(engine: docker.DockerClient, session: str) -> list[str]:
    """Return the containers of jobs and endpoints in any state."""
    found = engine.api.containers(all=True, filters={"label": f"{RUN_LABEL}={session}"})
    return sorted(container["Id"] for container in found)


def numbers(text: str) -> list[float]:
    """Return the predictions in a text with one prediction per line."""
    return [float(line) for line in text.splitlines()]
