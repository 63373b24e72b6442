"""An emulated training job runs the pushed image, as on SageMaker."""

from __future__ import annotations

import time
from typing import Any

import docker
import pytest

from tests.cloud.deployed import BUCKET, ended_job, job_request, log_of, push_image, put_files, read_archive, wait_for
from tests.cloud.emulator import ACCOUNT, TRAINING, Emulator
from tests.cloud.emulator.images import run_name
from tests.cloud.roles import ROLE_ARN
from tests.cloud.scripted_image import scripted_image
from tests.cloud.test_emulator_services import refused

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

LOG_GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def image_uri(engine: docker.DockerClient, base_image: str, aws: Emulator) -> str:
    """Push the scripted image, and upload data. Return the URI of the image."""
    put_files(aws, {"data/train/a.csv": b"1,2\n", "data/train/more/b.csv": b"3,4\n", "data/other.csv": b"5"})
    return push_image(engine, aws, scripted_image(engine, base_image))


def test_a_job_runs_its_image_on_the_data_and_uploads_what_it_wrote(aws: Emulator, image_uri: str) -> None:
    sagemaker = aws.client("sagemaker")
    request = job_request(
        image_uri,
        AlgorithmSpecification={
            "TrainingImage": image_uri,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "rmse", "Regex": r"rmse=([0-9.]+)"}],
        },
        HyperParameters={"num_leaves": "31"},
        Environment={"GREETING": "hello", "REPORT": "done"},
        Tags=[{"Key": "lgbm-sm:project", "Value": "p"}],
    )
    arn = sagemaker.create_training_job(**request)["TrainingJobArn"]
    assert arn == f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:training-job/job-1"
    code, message = refused(sagemaker.create_training_job, **request)
    assert (code, message.endswith(f"already exists ({arn})")) == ("ResourceInUse", True)
    job = ended_job(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    statuses = [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"] >= 1
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("rmse", 1.25)]
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifact == f"s3://{BUCKET}/out/job-1/output/model.tar.gz"
    assert read_archive(aws, artifact) == {"model.txt": b"1,2\n", "code/inference.py": b"code\n"}
    assert read_archive(aws, artifact.replace("model.tar", "output.tar")) == {"report.txt": b"done\n"}
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == request["Tags"]
    log = log_of(aws, LOG_GROUP)
    assert f"job job-1 {arn} hello" in log
    assert "to stderr" in log
    assert "./input/data/train/a.csv\n./input/data/train/more/b.csv" in log
    assert '{"num_leaves": "31"}' in log
    assert '"current_instance_type": "ml.m4.2xlarge"' in log
    assert "of-the-image" not in log
    [stream] = aws.client("logs").describe_log_streams(logGroupName=LOG_GROUP)["logStreams"]
    assert stream["logStreamName"].startswith("job-1/algo-1-")


def test_a_failure_says_what_the_program_wrote_and_its_exit_code(aws: Emulator, image_uri: str) -> None:
    aws.client("sagemaker").create_training_job(**job_request(image_uri, Environment={"MODE": "fail"}))
    job = ended_job(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: the data is wrong\ntraceback, exit code: 3"
    assert "ModelArtifacts" not in job


def test_an_image_without_train_fails_the_job(
    engine: docker.DockerClient, base_image: str, aws: Emulator, image_uri: str
) -> None:
    bare = push_image(engine, aws, base_image, "bare")
    aws.client("sagemaker").create_training_job(**job_request(bare))
    assert '"train": executable file not found' in ended_job(aws)["FailureReason"]


def test_a_stopped_job_keeps_what_it_wrote_in_time(aws: Emulator, image_uri: str) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_training_job(**job_request(image_uri, Environment={"MODE": "wait"}))

    def describe() -> dict[str, Any]:
        found: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName="job-1")
        return found

    wait_for(describe, "SecondaryStatus", "Training")
    time.sleep(0.5)
    sagemaker.stop_training_job(TrainingJobName="job-1")
    assert describe()["TrainingJobStatus"] == "Stopping"
    job = ended_job(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert read_archive(aws, job["ModelArtifacts"]["S3ModelArtifacts"]) == {"model.txt": b"partial\n"}
    assert refused(sagemaker.stop_training_job, TrainingJobName="job-1") == (
        "ValidationException",
        "The request was rejected because the training job is in status Stopped.",
    )


def test_a_job_that_does_not_end_is_killed_at_its_longest_time(aws: Emulator, image_uri: str) -> None:
    aws.times.stop_training = 0.5
    request = job_request(image_uri, Environment={"MODE": "deaf"}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    aws.client("sagemaker").create_training_job(**request)
    job = ended_job(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_quota_holds_for_jobs_that_run(aws: Emulator, image_uri: str) -> None:
    sagemaker = aws.client("sagemaker")
    aws.quotas.set("ml.m4.2xlarge", TRAINING, 1)
    sagemaker.create_training_job(**job_request(image_uri))
    assert refused(sagemaker.create_training_job, **job_request(image_uri, "job-2")) == (
        "ResourceLimitExceeded",
        (
            "The account-level service limit 'ml.m4.2xlarge for training job usage' is 1 Instances, with current "
            "utilization of 1 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an "
            "increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an increase "
            "for this quota."
        ),
    )
    ended_job(aws)
    time.sleep(0.5)
    sagemaker.create_training_job(**job_request(image_uri, "job-2"))
    ended_job(aws, "job-2")
    listed = sagemaker.list_training_jobs(StatusEquals="Completed", NameContains="JOB")["TrainingJobSummaries"]
    assert [summary["TrainingJobName"] for summary in listed] == ["job-2", "job-1"]


def test_what_is_not_there_is_refused_or_fails_the_job(aws: Emulator, image_uri: str) -> None:
    sagemaker = aws.client("sagemaker")
    repository = image_uri.rpartition(":")[0]
    assert refused(sagemaker.create_training_job, **job_request(f"{repository}:2")) == (
        "ValidationException",
        f"Cannot find the requested image: {repository}:2",
    )
    request = job_request(image_uri)
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://no-such-bucket/data"
    _, message = refused(sagemaker.create_training_job, **request)
    assert message == (
        'No S3 objects found under S3 URL "s3://no-such-bucket/data" given in input data source. Please ensure that the '
        "bucket exists in the selected region (eu-west-1), that objects exist under that S3 prefix, and that the role "
        f'"{ROLE_ARN}" has "s3:ListBucket" permissions on bucket "no-such-bucket". Error message from S3: The specified '
        "bucket does not exist"
    )
    output = {"S3OutputPath": "s3://no-such-bucket/out"}
    sagemaker.create_training_job(**job_request(image_uri, OutputDataConfig=output))
    assert ended_job(aws)["FailureReason"] == "ClientError: Artifact upload failed: The specified bucket does not exist"


def test_capacity_can_be_missing(aws: Emulator, image_uri: str) -> None:
    aws.faults.no_capacity.add("ml.m4.2xlarge")
    aws.client("sagemaker").create_training_job(**job_request(image_uri))
    assert ended_job(aws)["FailureReason"].startswith(
        "CapacityError: Unable to provision requested ML compute capacity."
    )


def test_a_reset_ends_a_job_and_leaves_no_container(
    engine: docker.DockerClient, docker_session: str, aws: Emulator, image_uri: str
) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_training_job(**job_request(image_uri, Environment={"MODE": "deaf"}))
    wait_for(lambda: sagemaker.describe_training_job(TrainingJobName="job-1"), "SecondaryStatus", "Training")
    aws.reset()
    run = {"label": f"lgbm-sm.test-run={docker_session}"}
    assert engine.api.containers(all=True, filters=run) == []
    assert not engine.api.volumes(filters=run)["Volumes"]
    assert engine.api.images(run_name(docker_session)) == []
    assert refused(sagemaker.describe_training_job, TrainingJobName="job-1")[1] == "Requested resource not found."
