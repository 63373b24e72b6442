"""The lifecycle of a model on SageMaker, with a real image, job and endpoint."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.cli.conftest import CommandLine
from tests.cloud.deployed import Deployment, push_image, put_files
from tests.cloud.emulator import ACCOUNT, Call, Emulator
from tests.cloud.projects import DEFAULT_BUCKET, PREFIX, cloud_project, empty, held, name_of, numbers, running
from tests.cloud.scripted_image import scripted_image

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

WATCH = Path(__file__).with_name("watch")
ISOLATED = {
    "AWS__KMS_KEY": "1234abcd-12ab-34cd-56ef-1234567890ab",
    "AWS__SUBNETS": '["subnet-0123456789"]',
    "AWS__SECURITY_GROUPS": '["sg-0123456789"]',
    "AWS__NETWORK_ISOLATION": "true",
    "AWS__TAGS": '{CostCenter: "42", Owner: ml team}',
    "TRAINING__VOLUME_SIZE_GB": "17",
    "TRAINING__MAX_RUNTIME_SECONDS": "1234",
    "ENDPOINT__STARTUP_TIMEOUT_SECONDS": "123",
}
IN_VPC = {"Subnets": ["subnet-0123456789"], "SecurityGroupIds": ["sg-0123456789"]}


@dataclass
class Life:
    """The results of the commands by name, and the account before, during and after them."""

    lgbm_sm: CommandLine
    before: list[str]
    containers_before: list[str]
    local: list[float]
    copied: dict[str, str] = field(default_factory=dict)
    finished: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)
    requests: dict[str, Call] = field(default_factory=dict)
    meanwhile: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    containers_after: list[str] = field(default_factory=list)
    theirs: bytes = b""
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    port: int = 0

    def result(self, command: str) -> dict[str, Any]:
        given: dict[str, Any] = json.loads(self.finished[command].stdout)
        return given


def run_as_copied(program: str, lgbm_sm: CommandLine) -> str:
    """Run a Python program in the account of the project, and return what it prints."""
    environment = os.environ | lgbm_sm.environment
    environment.pop("PYTHONPATH")  # only the commands are watched
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.fixture(scope="module")
def life(
    emulator_with_engine: Emulator,
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    docker_session: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Life]:
    """Run the commands in an account that also has other users' resources.

    These are a bucket, objects under the prefix, a repository and an endpoint.
    """
    aws = empty(emulator_with_engine)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=DEFAULT_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=DEFAULT_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=DEFAULT_BUCKET, Key=f"{PREFIX}/theirs.csv", Body=b"1")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    put_files(aws, {"theirs.csv": b"1"})
    theirs = Deployment(aws, push_image(engine, aws, scripted_image(engine, base_image), "theirs"))
    theirs.config("theirs")
    theirs.create("theirs")
    theirs.settled()
    folder = tmp_path_factory.mktemp("life")
    with cloud_project(aws, engine, base_image, docker_session, folder, settings=ISOLATED) as lgbm_sm:
        lgbm_sm("prepare-data")
        here = ("--set", "training.instance_type=local", "--set", "endpoint.instance_type=local")
        local = numbers(lgbm_sm("run", *here).stdout)
        lgbm_sm("cleanup", "--yes", *here)
        life = Life(lgbm_sm, held(aws), running(engine, docker_session), local)
        aws.faults.calls.clear()
        watched = tmp_path_factory.mktemp("watched")
        lgbm_sm.environment |= {"PYTHONPATH": str(WATCH), "WATCH_FOLDER": str(watched)}
        for command, *arguments in (
            ("prepare-data", "--upload"),
            ("build",),
            ("push",),
            ("train",),
            ("deploy", "--set", "endpoint.verify=true"),
            ("predict",),
            ("status",),
            ("doctor",),
        ):
            life.finished[command] = lgbm_sm(command, *arguments, "--output", "json")
        for example in life.result("deploy")["examples"]:
            life.copied[example["name"]] = run_as_copied(example["text"], lgbm_sm)
        life.meanwhile = held(aws)
        life.requests = {str(one.call): one.call for one in aws.faults.calls}
        life.finished["cleanup"] = lgbm_sm("cleanup", "--yes", "--output", "json")
        life.after, life.containers_after = held(aws), running(engine, docker_session)
        life.theirs = theirs.invoke(b"hello")
        life.port = int(aws.url.rpartition(":")[2])
        told = [json.loads(path.read_text()) for path in watched.iterdir()]
        life.told = {one["arguments"][0]: one for one in told if one["arguments"]}
        yield life


def test_predictions_are_those_of_this_machine_to_the_bit(life: Life) -> None:
    predicted = life.result("predict")
    assert predicted["predictions"] == life.local
    assert predicted["rows"] == 102
    assert predicted["metrics"]["rmse"] == pytest.approx(5.788, abs=1e-3)


def test_the_requests_that_deploy_prints_give_the_prediction_of_the_first_test_row(life: Life) -> None:
    assert list(life.copied) == ["boto3 with CSV", "boto3 with JSON"]
    assert [float(printed) for printed in life.copied.values()] == [life.local[0], life.local[0]]


def test_predict_and_status_name_the_job_whose_model_answers(life: Life) -> None:
    job = life.result("train")["training_job"]
    assert life.result("predict")["model"]["training_job"] == job
    models = [item["model"] for item in life.result("status")["items"] if item["kind"] in ("training_job", "endpoint")]
    assert {model["training_job"] for model in models} == {job}
    assert {model["dataset"] for model in models} == {"boston"}
    [fingerprint] = {model["fingerprint"] for model in models}
    assert len(fingerprint) == 64


def test_nothing_of_ours_is_left_and_what_was_there_before_is(life: Life) -> None:
    assert set(life.meanwhile) > set(life.before)
    assert life.after == life.before
    assert life.containers_after == life.containers_before
    assert life.theirs == b"theirs hello"
    assert life.result("cleanup")["left"] == []


def test_cleanup_gives_what_it_has_deleted(life: Life) -> None:
    deleted = [item["kind"] for item in life.result("cleanup")["deleted"]]
    assert deleted == [
        *("endpoint", "endpoint_config", "model", "training_job", "upload"),
        *("image", "pushed_image", "repository"),
    ]


def test_the_account_and_the_region_are_said_first(life: Life) -> None:
    for command in ("prepare-data", "push", "train", "deploy", "predict", "status", "cleanup"):
        said = life.finished[command].stderr.splitlines()
        steps = [line for line in said if re.match("==> (?!Data set|No config.yaml)", line)]
        assert steps[0] == f"==> AWS account {ACCOUNT}, eu-west-1", command


def test_the_data_of_the_upload_are_not_sent_again_by_train(life: Life) -> None:
    assert life.finished["prepare-data"].stderr.count("(sent)") == 3
    assert life.finished["train"].stderr.count("(unchanged)") == 3


def test_train_gives_the_model_and_what_is_billed_and_shows_the_log(life: Life) -> None:
    trained = life.result("train")
    assert trained["status"] == "Completed"
    assert trained["billable_seconds"] >= 1
    assert trained["metrics"]["validation"]["l2"] == pytest.approx(33.416, abs=1e-3)
    said = life.finished["train"].stderr.splitlines()
    for status in ("Training", "Completed"):  # the others are short here
        assert any(line.startswith(f"    {status}: ") for line in said), status
    lines = [line for line in said if "iteration=" in line]
    assert len(lines) == len(set(lines)) == 20


def test_status_shows_the_state_of_each_thing(life: Life) -> None:
    items = {item["kind"]: item for item in life.result("status")["items"]}
    assert {kind: item["state"] for kind, item in items.items()} == {
        "training_job": "Completed",
        "endpoint": "InService",
        "image": "Available",
        "endpoint_config": "Available",
        "model": "Available",
        "upload": "Available",
        "pushed_image": "Available",
        "repository": "Available",
    }
    assert "verified under the container contract" in life.finished["deploy"].stderr
    endpoint = life.result("deploy")["endpoint"]
    assert items["endpoint"]["arn"] == f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/{endpoint['name']}"
    assert endpoint["status"] == "InService"
    assert items["training_job"]["name"] == life.result("train")["training_job"]


def test_the_job_is_asked_for_as_the_configuration_says(life: Life) -> None:
    job = life.requests["sagemaker:CreateTrainingJob"].parameters
    assert job["VpcConfig"] == IN_VPC
    assert job["EnableNetworkIsolation"] is True
    assert job["OutputDataConfig"]["KmsKeyId"] == ISOLATED["AWS__KMS_KEY"]
    assert job["ResourceConfig"] == {
        "InstanceType": "ml.m4.2xlarge",
        "InstanceCount": 1,
        "VolumeSizeInGB": 17,
        "VolumeKmsKeyId": ISOLATED["AWS__KMS_KEY"],
    }
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 1234}
    assert job["AlgorithmSpecification"]["TrainingImage"] == life.result("push")["images"][0]["uri"]
    assert {metric["Name"] for metric in job["AlgorithmSpecification"]["MetricDefinitions"]} >= {"validation:l2"}
    assert all(isinstance(value, str) for value in job["HyperParameters"].values())


def test_the_endpoint_is_asked_for_as_the_configuration_says(life: Life) -> None:
    model = life.requests["sagemaker:CreateModel"].parameters
    config = life.requests["sagemaker:CreateEndpointConfig"].parameters
    assert model["VpcConfig"] == IN_VPC
    assert model["EnableNetworkIsolation"] is True
    assert model["PrimaryContainer"]["Image"] == life.result("push")["images"][0]["uri"]
    assert config["KmsKeyId"] == ISOLATED["AWS__KMS_KEY"]
    [variant] = config["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m4.xlarge", 1)
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 123


def test_each_thing_that_is_made_carries_the_projects_tag_and_the_users_own(life: Life) -> None:
    made = ("CreateTrainingJob", "CreateModel", "CreateEndpointConfig", "CreateEndpoint")
    tags = [life.requests[f"sagemaker:{operation}"].parameters["Tags"] for operation in made]
    for given in (*tags, life.requests["ecr:CreateRepository"].parameters["tags"]):
        assert {tag["Key"]: tag["Value"] for tag in given} == {
            "lgbm-sm:project": name_of(life.lgbm_sm),
            "lgbm-sm:origin": json.loads((life.lgbm_sm.folder / ".lgbm-sm" / "record.json").read_text())["id"],
            "CostCenter": "42",
            "Owner": "ml team",
        }


def test_what_is_put_into_s3_is_encrypted_with_the_key(life: Life) -> None:
    headers = {name.lower(): value for name, value in life.requests["s3:PutObject"].headers.items()}
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == ISOLATED["AWS__KMS_KEY"]


def test_only_what_makes_something_on_sagemaker_imports_its_sdk(life: Life) -> None:
    importing = {
        command for command, told in life.told.items() if any(name.startswith("sagemaker") for name in told["modules"])
    }
    assert set(life.told) == {*life.finished}
    assert importing == {"train", "deploy"}


def test_nobody_is_called_but_aws_and_the_engine(life: Life) -> None:
    """The commands call only AWS and Docker. The emulator's address stands for AWS.

    Docker sends the layers of images itself.
    """
    aws = ("127.0.0.1", life.port)
    for command, told in life.told.items():
        # the address of a socket on this machine is a path, and JSON has lists for tuples
        called = {tuple(address) for address in told["addresses"] if isinstance(address, list)}
        if command == "deploy":  # what it verifies first answers in networks of the engine's own
            called = {
                (host, port) for host, port in called if not (host.startswith(("172.", "192.168.")) and port == 8080)
            }
        assert called == (set() if command == "build" else {aws}), command
