"""An emulated endpoint runs the pushed image, and it answers like SageMaker's runtime."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import threading
import time
from typing import Any

import docker
import pytest
from botocore.exceptions import ClientError

from tests.cloud.deployed import BUCKET, Deployment, log_of, push_image, put_files
from tests.cloud.emulator import ACCOUNT, ENDPOINT, Emulator
from tests.cloud.roles import ROLE_ARN
from tests.cloud.scripted_image import scripted_image
from tests.cloud.test_emulator_services import refused

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

ARN = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}"
UNHEALTHY = (
    "The primary container for production variant AllTraffic did not pass the ping health check. Please check "
    "CloudWatch logs for this endpoint."
)


@pytest.fixture
def deployment(engine: docker.DockerClient, base_image: str, aws: Emulator) -> Deployment:
    aws.times.startup = 20
    return Deployment(aws, push_image(engine, aws, scripted_image(engine, base_image)))


def test_an_endpoint_answers_from_its_model_and_passes_headers(deployment: Deployment) -> None:
    deployment.config("m1")
    deployment.create("m1", Tags=[{"Key": "a", "Value": "b"}])
    assert deployment.sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Creating"
    assert refused(deployment.sagemaker.delete_endpoint, EndpointName="e")[0] == "ValidationException"
    gone = ("ValidationError", f"Endpoint e of account {ACCOUNT} not found.")
    assert refused(deployment.invoke, body=b"1") == gone
    described = deployment.settled()
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == "m1"
    [image] = described["ProductionVariants"][0]["DeployedImages"]
    assert image["SpecifiedImage"] == deployment.image_uri
    assert "@sha256:" in image["ResolvedImage"]
    assert deployment.invoke(b"1") == b"m1 1"
    headers = {"ContentType": "text/csv; charset=utf-8", "Accept": "application/json", "CustomAttributes": "trace-1"}
    answer = deployment.runtime.invoke_endpoint(EndpointName="e", Body=b"head", **headers)
    said = answer["Body"].read().decode().lower()
    assert "content-type: text/csv; charset=utf-8\r\n" in said
    assert "accept: application/json\r\n" in said
    assert "authorization" not in said
    assert (answer["CustomAttributes"], answer["InvokedProductionVariant"]) == ("back-trace-1", "AllTraffic")
    log = log_of(deployment.aws, "/aws/sagemaker/Endpoints/e")
    assert "serving m1" in log
    assert "model is read-only" in log
    assert deployment.sagemaker.list_tags(ResourceArn=f"{ARN}:endpoint/e")["Tags"] == [{"Key": "a", "Value": "b"}]


def test_the_callers_own_names_for_the_image_stay_its_own(engine: docker.DockerClient, deployment: Deployment) -> None:
    uri = deployment.image_uri
    assert engine.api.images(uri.rpartition(":")[0]) == []
    login = {"username": "AWS", "password": deployment.aws.registry.platform_token}
    engine.images.pull(uri, auth_config=login)
    digests = engine.images.get(uri).attrs["RepoDigests"]
    deployment.config("m1")
    deployment.create("m1")
    deployment.settled()
    assert engine.images.get(uri).attrs["RepoDigests"] == digests
    engine.images.remove(uri)
    assert engine.api.images(uri.rpartition(":")[0]) == []
    assert deployment.invoke(b"1") == b"m1 1"


def test_names_that_are_taken_are_refused(deployment: Deployment) -> None:
    deployment.config("m1")
    deployment.create("m1")
    model = {"ModelName": "m1", "ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": {"Image": deployment.image_uri}}
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "m1",
        "InstanceType": "ml.m4.xlarge",
        "InitialInstanceCount": 1,
    }
    for call, parameters, named in (
        (deployment.sagemaker.create_model, model, f'model "{ARN}:model/m1"'),
        (deployment.sagemaker.create_endpoint_config, {"EndpointConfigName": "m1", "ProductionVariants": [variant]},
         f'endpoint configuration "{ARN}:endpoint-config/m1"'),
        (deployment.sagemaker.create_endpoint, {"EndpointName": "e", "EndpointConfigName": "m1"}, f'endpoint "{ARN}:endpoint/e"'),
    ):  # fmt: skip
        assert refused(call, **parameters) == ("ValidationException", f"Cannot create already existing {named}.")


def test_an_answer_that_is_no_success_is_a_model_error(deployment: Deployment) -> None:
    deployment.config("m1")
    deployment.create("m1")
    deployment.settled()
    with pytest.raises(ClientError) as caught:
        deployment.invoke(b"bad")
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ModelError", 424)
    assert answer["Error"]["Message"].startswith(
        'Received client error (400) from primary with message "no such column". See'
    )
    assert (answer["OriginalStatusCode"], answer["OriginalMessage"]) == (400, "no such column")
    assert answer["LogStreamArn"].endswith(":log-group:/aws/sagemaker/Endpoints/e")
    deployment.aws.times.invocation = 0.5
    _, message = refused(deployment.invoke, body=b"slow")
    assert message.startswith('Received server error (0) from primary with message "Your invocation timed out')


def test_a_container_that_dies_in_service_is_started_again(deployment: Deployment) -> None:
    deployment.config("m1")
    deployment.create("m1")
    deployment.settled()
    assert "(503)" in refused(deployment.invoke, body=b"die")[1]
    answer = b""
    for _ in range(100):
        with contextlib.suppress(ClientError):
            answer = deployment.invoke(b"1")
            break
        time.sleep(0.2)
    assert answer == b"m1 1"


@pytest.mark.parametrize("ping", ["500", "exit"])
def test_an_endpoint_whose_container_is_not_well_fails(ping: str, deployment: Deployment) -> None:
    deployment.aws.times.startup = 2
    deployment.config("m1", PING=ping)
    deployment.create("m1")
    described = deployment.settled()
    assert (described["EndpointStatus"], described["FailureReason"]) == ("Failed", UNHEALTHY)
    assert "serving m1" in log_of(deployment.aws, "/aws/sagemaker/Endpoints/e")
    deployment.sagemaker.delete_endpoint(EndpointName="e")


def test_an_artifact_that_is_no_archive_fails_the_endpoint(deployment: Deployment) -> None:
    put_files(deployment.aws, {"broken.tar.gz": b"text"})
    deployment.config("m1", f"s3://{BUCKET}/broken.tar.gz")
    deployment.create("m1")
    assert deployment.settled()["FailureReason"].startswith("Failed to extract model data archive")


def test_an_update_swaps_without_a_gap_and_answers_what_is_in_flight(deployment: Deployment) -> None:
    deployment.config("m1")
    deployment.config("m2")
    deployment.create("m1")
    deployment.settled()
    answers: list[bytes] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            answers.append(deployment.invoke(b"1"))
            time.sleep(0.02)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asking = pool.submit(ask)
        slow = pool.submit(deployment.invoke, b"slow")
        deployment.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="m2")
        updating = deployment.sagemaker.describe_endpoint(EndpointName="e")
        configs = (updating["EndpointConfigName"], updating["PendingDeploymentSummary"]["EndpointConfigName"])
        assert (updating["EndpointStatus"], *configs) == ("Updating", "m1", "m2")
        again = refused(deployment.sagemaker.update_endpoint, EndpointName="e", EndpointConfigName="m1")
        assert again == ("ValidationException", f'Cannot update in-progress endpoint "{ARN}:endpoint/e".')
        assert deployment.settled()["EndpointConfigName"] == "m2"
        ended.set()
        asking.result(30)
        assert slow.result(30) == b"slow m1"
    assert answers == sorted(answers)
    assert set(answers) == {b"m1 1", b"m2 1"}


def test_an_update_that_does_not_come_up_leaves_what_was_there(deployment: Deployment) -> None:
    deployment.config("m1")
    deployment.create("m1")
    deployment.settled()
    deployment.config("m2", PING="500")
    deployment.aws.times.startup = 2
    deployment.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="m2")
    described = deployment.settled()
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == "m1"
    assert described["FailureReason"] == UNHEALTHY
    assert deployment.invoke(b"1") == b"m1 1"


def test_a_deleted_endpoint_is_deleting_and_then_gone(
    engine: docker.DockerClient, docker_session: str, deployment: Deployment
) -> None:
    deployment.config("m1")
    deployment.create("m1")
    deployment.settled()
    deployment.aws.times.phase = 0.5
    deployment.sagemaker.delete_endpoint(EndpointName="e")
    assert deployment.sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Deleting"
    assert refused(deployment.sagemaker.delete_endpoint, EndpointName="e")[0] == "ValidationException"
    end = time.monotonic() + 30
    while deployment.sagemaker.list_endpoints()["Endpoints"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert engine.api.containers(all=True, filters={"label": f"lgbm-sm.test-run={docker_session}"}) == []
    deployment.sagemaker.delete_endpoint_config(EndpointConfigName="m1")
    deployment.sagemaker.delete_model(ModelName="m1")
    assert deployment.sagemaker.list_models()["Models"] == []


def test_hosting_refuses_what_it_cannot_host(deployment: Deployment) -> None:
    aws, sagemaker, uri = deployment.aws, deployment.sagemaker, deployment.image_uri

    def model(**container: str) -> dict[str, Any]:
        return {"ModelName": "m", "ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": container}

    put_files(aws, {})
    missing = f"s3://{BUCKET}/none.tar.gz"
    refusals = {
        f"Could not find model data at {missing}.": model(Image=uri, ModelDataUrl=missing),
        f"Requested image {uri}2 not found.": model(Image=f"{uri}2"),
        'Using non-ECR image "busybox:1" without Vpc repository access mode is not supported.': model(
            Image="busybox:1"
        ),
    }
    for words, request in refusals.items():
        assert refused(sagemaker.create_model, **request) == ("ValidationException", words)
    ecr = aws.client("ecr")
    [image] = ecr.batch_get_image(repositoryName="model", imageIds=[{"imageTag": "1"}])["images"]
    media_type = "application/vnd.oci.image.manifest.v1+json"
    content = {**json.loads(image["imageManifest"]), "mediaType": media_type}
    ecr.put_image(
        repositoryName="model", imageManifest=json.dumps(content), imageTag="oci", imageManifestMediaType=media_type
    )
    code, message = refused(sagemaker.create_model, **model(Image=f"{uri.removesuffix('1')}oci"))
    assert (code, message.startswith(f"Unsupported manifest media type {media_type} for image ")) == (
        "ValidationException",
        True,
    )
    aws.quotas.set("ml.m4.xlarge", ENDPOINT, 0)
    deployment.config("m1")
    code, message = refused(deployment.create, config="m1")
    assert code == "ResourceLimitExceeded"
    assert "'ml.m4.xlarge for endpoint usage' is 0 Instances" in message
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "no",
        "InstanceType": "ml.m4.xlarge",
        "InitialInstanceCount": 1,
    }
    answer = refused(sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[variant])
    assert answer == ("ValidationException", f'Could not find model "{ARN}:model/no".')


def test_an_isolated_model_and_an_image_of_awss_own_are_served(
    engine: docker.DockerClient, base_image: str, deployment: Deployment
) -> None:
    uri = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.5-1"
    deployment.aws.images.provided[uri] = scripted_image(engine, base_image)
    deployment.image_uri = uri
    deployment.config("m1", isolated=True)
    deployment.create("m1")
    assert deployment.settled()["EndpointStatus"] == "InService"
    assert deployment.invoke(b"1") == b"m1 1"


def test_capacity_can_be_missing_for_an_endpoint(deployment: Deployment) -> None:
    deployment.aws.faults.no_capacity.add("ml.m4.xlarge")
    deployment.config("m1")
    deployment.create("m1")
    assert deployment.settled()["FailureReason"].startswith("Unable to provision requested ML compute capacity due to")
