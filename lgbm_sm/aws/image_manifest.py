"""Image manifests: check whether SageMaker's hosting accepts one, and convert it if not.

An image manifest has the OCI format or Docker's format. Both list the same digests, with different media types.
SageMaker's hosting refuses OCI media types with "Unsupported manifest media type".

Source: the OCI image specification (manifest.md, image-index.md) and Docker's "Image Manifest Version 2, Schema 2".
"""

import json
from typing import Any

from lgbm_sm.errors import ImageError

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
# without this list, a registry may convert the manifest, and the digest would be different
ACCEPTED = (DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX)

_DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
_DOCKER_LAYERS = {
    "application/vnd.oci.image.layer.v1.tar+gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
_REMEDY = "build with `lgbm-sm build`, or with `docker build --provenance=false --sbom=false` and gzip layers"


def config_digest(manifest: str) -> str:
    """Return the digest of an image's configuration, which Docker calls the image id."""
    digest: str = json.loads(manifest)["config"]["digest"]
    return digest


def config_digests(manifest: str) -> list[str]:
    """Return a list with the digest of an image's configuration. The list is empty for an index."""
    config = json.loads(manifest).get("config")
    return [config["digest"]] if config else []


def parts_of_index(manifest: str) -> list[str]:
    """Return the digests of the manifests in an index. The list is empty for a single image."""
    return [part["digest"] for part in json.loads(manifest).get("manifests", ())]


def digest_for_platform(index: str, platform: str) -> str:
    """Return the digest of the image in an index for a platform, such as linux/amd64.

    Raises:
        ImageError: the index has no image for the platform.
    """
    described = []
    for manifest in json.loads(index)["manifests"]:
        found = manifest.get("platform", {})
        name = f"{found.get('os')}/{found.get('architecture')}"
        if name == platform:
            digest: str = manifest["digest"]
            return digest
        described.append(name)
    raise ImageError(f"the index has no image for {platform}, only for {', '.join(described)}", _REMEDY)


def docker_manifest(manifest: str) -> str:
    """Convert a manifest to Docker's schema 2.

    Raises:
        ImageError: schema 2 has no media type for a layer. For example, the layer is compressed with zstd.
    """
    document: dict[str, Any] = json.loads(manifest)
    layers = []
    for layer in document["layers"]:
        media_type = _DOCKER_LAYERS.get(layer["mediaType"])
        if media_type is None:
            raise ImageError(f"SageMaker does not accept the media type of a layer: {layer['mediaType']}", _REMEDY)
        layers.append({"mediaType": media_type, "size": layer["size"], "digest": layer["digest"]})
    config = document["config"]
    converted = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": {"mediaType": _DOCKER_CONFIG, "size": config["size"], "digest": config["digest"]},
        "layers": layers,
    }
    return json.dumps(converted, separators=(",", ":"))
