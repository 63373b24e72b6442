"""The emulated ECR shows the content of a real registry, and it has ECR's rules."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import uuid
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from tests.cloud.emulator import ACCOUNT, Emulator
from tests.cloud.emulator.containers import archive
from tests.cloud.test_emulator_services import refused

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

SCHEMA_2 = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"


def login(aws: Emulator) -> dict[str, str]:
    data = aws.client("ecr").get_authorization_token()["authorizationData"][0]
    username, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return {"username": username, "password": password}


def push(engine: docker.DockerClient, uri: str, auth: dict[str, str]) -> str:
    """Push an image. Return the error in the output, or an empty text."""
    repository, _, tag = uri.rpartition(":")
    events = engine.images.push(repository, tag=tag, auth_config=auth, stream=True, decode=True)
    return next((event["error"] for event in events if "error" in event), "")


@pytest.fixture
def small(engine: docker.DockerClient) -> Iterator[str]:
    """A small image with a local name."""
    name = f"lgbm-sm-test-cloud-small:{uuid.uuid4().hex[:8]}"

    engine.api.import_image_from_data(archive({"hello": b"hello"}), *name.split(":"))
    yield name
    engine.images.remove(name, force=True)


@pytest.fixture
def tagged(engine: docker.DockerClient, aws: Emulator, small: str) -> Iterator[str]:
    """The small image with the URI of a repository that does not exist yet."""
    uri = f"{aws.registry.address}/model:1"
    engine.images.get(small).tag(*uri.rsplit(":", 1))
    yield uri
    with contextlib.suppress(ImageNotFound):
        engine.images.remove(uri)


def test_a_push_is_seen_with_its_digest_media_type_and_size(
    engine: docker.DockerClient, aws: Emulator, tagged: str
) -> None:
    ecr = aws.client("ecr")
    assert "The repository with name 'model' does not exist in the registry" in push(engine, tagged, login(aws))
    repository = ecr.create_repository(repositoryName="model", imageScanningConfiguration={"scanOnPush": True})[
        "repository"
    ]
    assert repository["repositoryUri"] == tagged.rpartition(":")[0]
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert ecr.describe_repositories()["repositories"][0]["repositoryUri"] == repository["repositoryUri"]
    assert push(engine, tagged, login(aws)) == ""
    [details] = ecr.describe_images(repositoryName="model")["imageDetails"]
    assert (details["imageTags"], details["imageManifestMediaType"]) == (["1"], SCHEMA_2)
    [image] = ecr.batch_get_image(repositoryName="model", imageIds=[{"imageTag": "1"}])["images"]
    manifest = json.loads(image["imageManifest"])
    assert details["imageSizeInBytes"] == manifest["config"]["size"] + sum(
        layer["size"] for layer in manifest["layers"]
    )
    assert details["imageDigest"] == f"sha256:{hashlib.sha256(image['imageManifest'].encode()).hexdigest()}"
    engine.images.remove(tagged)
    pulled = engine.images.pull(tagged, auth_config=login(aws))
    assert pulled.id == manifest["config"]["digest"]


def test_a_token_ends_and_the_registry_says_so(engine: docker.DockerClient, aws: Emulator, tagged: str) -> None:
    aws.client("ecr").create_repository(repositoryName="model")
    auth = login(aws)
    aws.registry.expire_tokens()
    assert "Your authorization token has expired. Reauthenticate and try again." in push(engine, tagged, auth)
    with pytest.raises(APIError, match="no basic auth credentials"):
        engine.images.pull(tagged)
    assert push(engine, tagged, login(aws)) == ""


def test_an_immutable_tag_stays(engine: docker.DockerClient, aws: Emulator, tagged: str) -> None:
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="model", imageTagMutability="IMMUTABLE")
    assert push(engine, tagged, login(aws)) == ""
    assert "cannot be overwritten because the tag is immutable" in push(engine, tagged, login(aws))
    [image] = ecr.batch_get_image(repositoryName="model", imageIds=[{"imageTag": "1"}])["images"]
    changed = image["imageManifest"].replace(": ", ":  ", 1)
    code, _ = refused(ecr.put_image, repositoryName="model", imageManifest=changed, imageTag="1")
    assert code == "ImageTagAlreadyExistsException"


def test_a_manifest_is_put_again_with_another_media_type(
    engine: docker.DockerClient, aws: Emulator, tagged: str
) -> None:
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="model")
    assert push(engine, tagged, login(aws)) == ""
    [image] = ecr.batch_get_image(repositoryName="model", imageIds=[{"imageTag": "1"}])["images"]
    content = json.loads(image["imageManifest"])
    content["mediaType"] = OCI
    content["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"
    content["layers"] = [
        {**layer, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"} for layer in content["layers"]
    ]
    ecr.put_image(repositoryName="model", imageManifest=json.dumps(content), imageTag="1", imageManifestMediaType=OCI)
    details = {
        item["imageManifestMediaType"]: item for item in ecr.describe_images(repositoryName="model")["imageDetails"]
    }
    assert (details[OCI]["imageTags"], details[SCHEMA_2].get("imageTags")) == (["1"], None)
    assert ecr.list_images(repositoryName="model", filter={"tagStatus": "UNTAGGED"})["imageIds"] == [
        {"imageDigest": details[SCHEMA_2]["imageDigest"]}
    ]
    again = {"imageManifest": json.dumps(content), "imageTag": "1", "imageManifestMediaType": OCI}
    assert refused(ecr.put_image, repositoryName="model", **again)[0] == "ImageAlreadyExistsException"
    content["layers"][0]["digest"] = "sha256:" + "0" * 64
    code, _ = refused(ecr.put_image, repositoryName="model", imageManifest=json.dumps(content), imageTag="2")
    assert code == "LayersNotFoundException"


def test_images_are_deleted_by_tag_and_by_digest_before_the_repository(
    engine: docker.DockerClient, aws: Emulator, tagged: str
) -> None:
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="model")
    assert push(engine, tagged, login(aws)) == ""
    [digest] = [item["imageDigest"] for item in ecr.list_images(repositoryName="model")["imageIds"]]
    assert refused(ecr.delete_repository, repositoryName="model")[0] == "RepositoryNotEmptyException"
    answer = ecr.batch_delete_image(repositoryName="model", imageIds=[{"imageTag": "2"}, {"imageDigest": digest}])
    assert answer["imageIds"] == [{"imageDigest": digest, "imageTag": "1"}]
    assert [failure["failureCode"] for failure in answer["failures"]] == ["ImageNotFound"]
    assert refused(ecr.describe_images, repositoryName="model", imageIds=[{"imageTag": "1"}]) == (
        "ImageNotFoundException",
        (
            "The image with imageId {imageDigest:'null', imageTag:'1'} does not exist within the repository with name "
            f"'model' in the registry with id '{ACCOUNT}'"
        ),
    )
    ecr.delete_repository(repositoryName="model")
    assert refused(ecr.list_images, repositoryName="model")[0] == "RepositoryNotFoundException"


def test_a_lifecycle_policy_is_kept(aws: Emulator) -> None:
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="model")
    rule = {
        "rulePriority": 1,
        "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14},
        "action": {"type": "expire"},
    }
    ecr.put_lifecycle_policy(repositoryName="model", lifecyclePolicyText=json.dumps({"rules": [rule]}))
    assert json.loads(ecr.get_lifecycle_policy(repositoryName="model")["lifecyclePolicyText"])["rules"] == [rule]


def test_a_push_needs_the_permissions_of_the_policy(engine: docker.DockerClient, aws: Emulator, tagged: str) -> None:
    aws.client("ecr").create_repository(repositoryName="model")
    auth = login(aws)
    allowed: dict[str, Any] = {"Effect": "Allow", "Action": ["ecr:BatchCheckLayerAvailability"], "Resource": "*"}
    aws.permissions.policy = {"Statement": [allowed]}
    assert "is not authorized to perform: ecr:" in push(engine, tagged, auth)
    allowed["Action"] += [
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
        "ecr:BatchGetImage",
    ]
    assert push(engine, tagged, auth) == ""


def test_a_layer_is_refused_in_the_middle_of_a_push(engine: docker.DockerClient, aws: Emulator, tagged: str) -> None:
    aws.client("ecr").create_repository(repositoryName="model")
    aws.registry.layers_refused = "no space is left"
    # a layer that the registry behind has already is not sent
    fresh = f"{tagged.rpartition(':')[0]}:fresh"
    engine.api.import_image_from_data(archive({uuid.uuid4().hex: b"new"}), *fresh.rsplit(":", 1))
    try:
        assert "no space is left" in push(engine, fresh, login(aws))
    finally:
        engine.images.remove(fresh)
    assert aws.client("ecr").list_images(repositoryName="model")["imageIds"] == []


def test_a_push_that_breaks_off_is_an_error_of_the_stream(aws: Emulator) -> None:
    # the engine itself tries five times with growing pauses; here the front alone is asked
    aws.client("ecr").create_repository(repositoryName="model")
    aws.registry.broken_pushes = 1
    auth = base64.b64encode(f"AWS:{login(aws)['password']}".encode()).decode()
    host, port = aws.registry.address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    headers = {"Authorization": f"Basic {auth}"}
    connection.request("POST", "/v2/model/blobs/uploads/", headers={**headers, "Content-Length": "0"})
    answer = connection.getresponse()
    answer.read()
    path = answer.headers["Location"].partition(aws.registry.address)[2]
    connection.request("PATCH", path, b"layer", headers)
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()
