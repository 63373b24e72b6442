"""Find the manifest of an image, and convert it to the format for hosting."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lgbm_sm.aws.image_manifest import (
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    config_digest,
    digest_for_platform,
    docker_manifest,
)
from lgbm_sm.errors import ImageError

CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:c0", "size": 10}
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


def oci_manifest(*layer_types: str) -> str:
    layers = [
        {"mediaType": kind, "digest": f"sha256:{number}", "size": number} for number, kind in enumerate(layer_types)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": layers})


def index(*platforms: str) -> str:
    def described(number: int, platform: str) -> dict[str, Any]:
        system, _, architecture = platform.partition("/")
        return {"digest": f"sha256:{number}", "platform": {"os": system, "architecture": architecture}}

    manifests = [described(number, platform) for number, platform in enumerate(platforms)]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})


def test_the_same_blobs_are_named_in_dockers_words() -> None:
    converted = json.loads(docker_manifest(oci_manifest(GZIP, GZIP)))
    assert converted["mediaType"] == DOCKER_MANIFEST
    assert converted["config"] == {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "digest": "sha256:c0",
        "size": 10,
    }
    assert [layer["digest"] for layer in converted["layers"]] == ["sha256:0", "sha256:1"]
    assert {layer["mediaType"] for layer in converted["layers"]} == {
        "application/vnd.docker.image.rootfs.diff.tar.gzip"
    }
    assert config_digest(json.dumps(converted)) == "sha256:c0"


def test_a_layer_is_refused_when_docker_has_no_word_for_it() -> None:
    with pytest.raises(ImageError, match=r"SageMaker does not accept the media type of a layer: .*tar\+zstd") as caught:
        docker_manifest(oci_manifest(GZIP, "application/vnd.oci.image.layer.v1.tar+zstd"))
    assert "--provenance=false" in caught.value.hint


def test_the_image_of_the_platform_is_found_beside_attestations() -> None:
    assert digest_for_platform(index("unknown/unknown", "linux/arm64", "linux/amd64"), "linux/amd64") == "sha256:2"


def test_an_index_is_refused_when_it_lacks_the_platform() -> None:
    with pytest.raises(ImageError, match="no image for linux/amd64, only for linux/arm64, unknown/unknown"):
        digest_for_platform(index("linux/arm64", "unknown/unknown"), "linux/amd64")
