"""`push` with both of Docker's image stores. The stores give the same image different ids.

The classic store uses the digest of the configuration as the id, and containerd's store that of the manifest. The
image's attributes and its manifest were recorded from Docker 26.1.5 with `{"features": {"containerd-snapshotter":
true}}`, which is the default of Docker 29.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lgbm_sm.aws.account import Accounts, AwsAccount
from lgbm_sm.aws.image_manifest import DOCKER_MANIFEST, OCI_MANIFEST, config_digest
from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.config.sections import Config, ProjectSection
from lgbm_sm.ecr import PushResult, push
from lgbm_sm.errors import ImageError
from tests.workspaces import make_workspace

RECORDED = json.loads(Path(__file__).with_name("containerd_image.json").read_text())
MANIFEST: str = RECORDED["manifest"]
NAME, VERSION = "project", "1"
URI = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{NAME}"


def digest_of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


class Ecr:
    """A repository in memory, with the operations that `push` calls.

    It also replaces the session that creates clients.
    """

    def __init__(self) -> None:
        self.manifests: dict[str, tuple[str, str]] = {}
        self.tags: dict[str, str] = {}

    def client(self, service: str, *, region_name: str) -> Ecr:
        assert (service, region_name) == ("ecr", "eu-west-1")
        return self

    def describe_repositories(self, **_: Any) -> dict[str, Any]:
        return {"repositories": [{"repositoryUri": URI}]}

    def get_authorization_token(self, **_: Any) -> dict[str, Any]:
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:secret").decode()}]}

    def batch_get_image(self, *, imageIds: list[dict[str, str]], **_: Any) -> dict[str, Any]:  # noqa: N803 - ECR's own
        [asked] = imageIds
        digest = self.tags.get(asked.get("imageTag", ""), asked.get("imageDigest", ""))
        if digest not in self.manifests:
            return {"images": []}
        text, kind = self.manifests[digest]
        return {"images": [{"imageId": {"imageDigest": digest}, "imageManifest": text, "imageManifestMediaType": kind}]}

    def put_image(self, *, imageManifest: str, imageManifestMediaType: str, imageTag: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        digest = digest_of(imageManifest)
        self.manifests[digest] = (imageManifest, imageManifestMediaType)
        self.tags[imageTag] = digest
        return {"image": {"imageId": {"imageDigest": digest}}}


class RecordedEngine(Engine):
    """Docker with one image. It sends the image's manifest unchanged to a registry."""

    def __init__(self, ecr: Ecr, attributes: Mapping[str, Any], manifest: str, media_type: str) -> None:
        super().__init__({})
        self.sent = 0

        def send(*_: Any, **__: Any) -> Iterator[dict[str, Any]]:
            self.sent += 1
            ecr.put_image(imageManifest=manifest, imageManifestMediaType=media_type, imageTag=VERSION)
            yield {"status": "Pushed", "id": "933b92ffce1f"}

        def nothing(*_: Any, **__: Any) -> None: ...

        images = SimpleNamespace(get=lambda _tag: SimpleNamespace(attrs=attributes))
        api = SimpleNamespace(tag=nothing, push=send, remove_image=nothing)
        vars(self)["client"] = SimpleNamespace(images=images, api=api)


class OneAccount(Accounts):
    """The same account in each region."""

    def __init__(self, account: AwsAccount) -> None:
        super().__init__(lambda _: None)
        self._account = account

    def get(self, region: str | None, account_id: str | None = None) -> AwsAccount:  # noqa: ARG002 - there is only one
        return self._account


def pushed(ecr: Ecr, engine: RecordedEngine, folder: Path) -> PushResult:
    accounts = OneAccount(AwsAccount("123456789012", "eu-west-1", ecr))
    config = Config(project=ProjectSection(name=NAME))
    return push(f"{NAME}:{VERSION}", make_workspace(folder, config, accounts=accounts, engine=engine))


def engine_of(store: str, ecr: Ecr) -> RecordedEngine:
    attributes = RECORDED["inspect"]
    if store == "containerd":
        assert attributes["Id"] == digest_of(MANIFEST)
        return RecordedEngine(ecr, attributes, MANIFEST, OCI_MANIFEST)
    of_classic_store = {**attributes, "Id": config_digest(MANIFEST)}
    docker = MANIFEST.replace("oci.image.manifest.v1", "docker.distribution.manifest.v2")
    docker = docker.replace("oci.image.config.v1", "docker.container.image.v1")
    docker = docker.replace("oci.image.layer.v1.tar+gzip", "docker.image.rootfs.diff.tar.gzip")
    return RecordedEngine(ecr, of_classic_store, docker, DOCKER_MANIFEST)


@pytest.mark.parametrize("store", ["containerd", "classic"])
def test_an_image_is_pushed_once_and_as_hosting_takes_it_whichever_store_the_engine_has(
    store: str, tmp_path: Path
) -> None:
    ecr = Ecr()
    engine = engine_of(store, ecr)
    first = pushed(ecr, engine, tmp_path)
    assert (first.media_type, first.unchanged, first.platform) == (DOCKER_MANIFEST, False, "linux/amd64")
    text, kind = ecr.manifests[ecr.tags[VERSION]]
    assert first.digest == digest_of(text)
    assert kind == json.loads(text)["mediaType"] == DOCKER_MANIFEST
    assert config_digest(text) == config_digest(MANIFEST)
    # also from another machine, whose record knows nothing of it
    again = pushed(ecr, engine, tmp_path / "elsewhere")
    assert (again.digest, again.unchanged, engine.sent) == (first.digest, True, 1)


def test_another_image_under_the_tag_is_not_taken_for_the_one_that_was_sent(tmp_path: Path) -> None:
    ecr = Ecr()
    theirs = MANIFEST.replace(config_digest(MANIFEST), f"sha256:{'0' * 64}")
    engine = RecordedEngine(ecr, RECORDED["inspect"], theirs, OCI_MANIFEST)
    with pytest.raises(ImageError, match="is not the pushed image: another push has replaced it"):
        pushed(ecr, engine, tmp_path)
