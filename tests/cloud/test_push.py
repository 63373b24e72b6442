"""`push` with an emulated AWS and a real registry."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.ecr_repository import EcrRepository
from lgbm_sm.aws.image_manifest import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, config_digest
from lgbm_sm.ecr import as_hosting_takes_it
from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cloud.emulator import ACCOUNT, Emulator

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class EmulatedSession:
    """A substitute for boto3's session in `AwsAccount`."""

    aws: Emulator

    def client(self, service: str, region_name: str) -> Any:
        return self.aws.client(service, region_name)


@pytest.fixture
def lgbm_sm(
    aws: Emulator,
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    docker_session: str,
    fork_server: ForkServer,
    tmp_path: Path,
) -> Iterator[CommandLine]:
    """A project with a built image, in the emulated account."""
    name = f"test-{docker_session}-{uuid.uuid4().hex[:6]}"
    command_line = ForkedCommandLine(
        tmp_path,
        {
            **aws.environment(),
            "HOME": str(tmp_path),
            "LGBM_SM_PROJECT__NAME": name,
            "LGBM_SM_CONTAINER__BASE_IMAGE": base_image,
        },
        server=fork_server,
    )
    command_line("build")
    yield command_line
    command_line("cleanup", "--yes")
    assert engine.images.list(name) == []


def project(lgbm_sm: CommandLine) -> str:
    return lgbm_sm.environment["LGBM_SM_PROJECT__NAME"]


def pushed(lgbm_sm: CommandLine) -> dict[str, str]:
    [image] = json.loads(lgbm_sm("push", "--output", "json").stdout)["images"]
    return dict(image)


def test_the_image_arrives_as_hosting_takes_it_and_is_known_by_its_digest(
    aws: Emulator, engine: docker.DockerClient, lgbm_sm: CommandLine
) -> None:
    image = pushed(lgbm_sm)
    ecr = aws.client("ecr")
    held = ecr.describe_images(repositoryName=project(lgbm_sm))["imageDetails"]
    # an engine with the containerd image store has sent a manifest in OCI's words too, which has no tag any more
    [described] = [one for one in held if one.get("imageTags")]
    assert described["imageDigest"] == image["digest"]
    assert described["imageManifestMediaType"] == image["media_type"] == DOCKER_MANIFEST
    assert image["uri"].endswith(f"{project(lgbm_sm)}@{image['digest']}")
    assert image["platform"].startswith("linux/")
    [repository] = ecr.describe_repositories()["repositories"]
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    policy = json.loads(ecr.get_lifecycle_policy(repositoryName=project(lgbm_sm))["lifecyclePolicyText"])
    assert policy["rules"][0]["selection"]["tagStatus"] == "untagged"
    # here the image has the name that it had, and no other
    assert [tag for found in engine.images.list(project(lgbm_sm)) for tag in found.tags] == [
        f"{project(lgbm_sm)}:{image['tag_uri'].rpartition(':')[2]}"
    ]


def test_an_unchanged_image_is_not_sent_again(lgbm_sm: CommandLine) -> None:
    first = pushed(lgbm_sm)
    again = lgbm_sm("push")
    assert "unchanged: ECR already has this image" in again.stderr
    assert again.stdout.strip() == first["uri"]


def test_cleanup_takes_the_image_and_the_repository_and_proves_it(aws: Emulator, lgbm_sm: CommandLine) -> None:
    pushed(lgbm_sm)
    kinds = [item["kind"] for item in json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]]
    assert kinds == ["image", "pushed_image", "repository"]
    assert "nothing left" in lgbm_sm("cleanup", "--yes").stdout
    assert aws.client("ecr").describe_repositories()["repositories"] == []


def test_a_repository_that_was_there_before_stays(aws: Emulator, lgbm_sm: CommandLine) -> None:
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName=project(lgbm_sm))
    pushed(lgbm_sm)
    assert "nothing left" in lgbm_sm("cleanup", "--yes").stdout
    assert len(ecr.describe_repositories()["repositories"]) == 1
    assert ecr.describe_images(repositoryName=project(lgbm_sm))["imageDetails"] == []


def test_a_foreign_image_keeps_the_repository(aws: Emulator, lgbm_sm: CommandLine) -> None:
    image = pushed(lgbm_sm)
    ecr = aws.client("ecr")
    manifest = ecr.batch_get_image(repositoryName=project(lgbm_sm), imageIds=[{"imageDigest": image["digest"]}])
    foreign = json.loads(manifest["images"][0]["imageManifest"])
    foreign["layers"] = foreign["layers"][:1]
    ecr.put_image(
        repositoryName=project(lgbm_sm),
        imageManifest=json.dumps(foreign),
        imageManifestMediaType=DOCKER_MANIFEST,
        imageTag="theirs",
    )
    left = lgbm_sm("cleanup", "--yes", exit_code=11)
    assert "it contains images that lgbm-sm did not push" in left.stderr
    [kept] = ecr.describe_images(repositoryName=project(lgbm_sm))["imageDetails"]
    assert kept["imageTags"] == ["theirs"]
    ecr.batch_delete_image(repositoryName=project(lgbm_sm), imageIds=[{"imageTag": "theirs"}])


@pytest.mark.parametrize("mutability", ["MUTABLE", "IMMUTABLE"])
@pytest.mark.parametrize("form", ["manifest", "index"])
def test_an_image_in_ocis_words_is_put_again_in_those_that_hosting_takes(
    form: str, mutability: str, aws: Emulator, lgbm_sm: CommandLine
) -> None:
    name = project(lgbm_sm)
    image = pushed(lgbm_sm)
    ecr = aws.client("ecr")
    [held] = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageDigest": image["digest"]}])["images"]
    oci = held["imageManifest"].replace("docker.distribution.manifest.v2", "oci.image.manifest.v1")
    oci = oci.replace("docker.container.image.v1", "oci.image.config.v1")
    oci = oci.replace("docker.image.rootfs.diff.tar.gzip", "oci.image.layer.v1.tar+gzip")
    kind = OCI_MANIFEST
    if form == "index":
        put = ecr.put_image(repositoryName=name, imageManifest=oci, imageManifestMediaType=OCI_MANIFEST)["image"]
        system, architecture = image["platform"].split("/")
        described = {
            "mediaType": OCI_MANIFEST,
            "digest": put["imageId"]["imageDigest"],
            "size": len(oci),
            "platform": {"os": system, "architecture": architecture},
        }
        oci, kind = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [described]}), OCI_INDEX
    ecr.put_image(repositoryName=name, imageManifest=oci, imageManifestMediaType=kind, imageTag="newer-engine")
    ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability=mutability)
    account = AwsAccount(ACCOUNT, "eu-west-1", EmulatedSession(aws))
    repository = EcrRepository(account, name)
    arrived = repository.find_manifest(tag="newer-engine")
    assert arrived is not None
    assert arrived.media_type == kind
    taken = as_hosting_takes_it(repository, arrived, "newer-engine", image["platform"])
    assert taken.media_type == DOCKER_MANIFEST
    assert config_digest(taken.text) == config_digest(held["imageManifest"])
    found = repository.find_manifest(tag="newer-engine")
    assert found is not None
    assert (found.digest == taken.digest) == (mutability == "MUTABLE")
    # so that cleanup can prove that nothing is left
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "newer-engine"}])
    rest = ecr.list_images(repositoryName=name)["imageIds"]
    ecr.batch_delete_image(
        repositoryName=name, imageIds=[{"imageDigest": one["imageDigest"]} for one in rest if "imageTag" not in one]
    )


def test_push_says_what_to_do_when_the_image_is_not_built(lgbm_sm: CommandLine) -> None:
    refused = lgbm_sm("push", "--set", "container.build_args.OTHER=1", exit_code=5)
    assert "run `lgbm-sm build` first" in refused.stderr


def test_the_account_and_region_are_said_first(lgbm_sm: CommandLine) -> None:
    said = lgbm_sm("push", "--set", "aws.region=us-west-2").stderr
    assert f"account {ACCOUNT}, us-west-2" in said.splitlines()[1]  # after the remark that there is no config.yaml
