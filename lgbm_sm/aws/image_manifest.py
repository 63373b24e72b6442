"""Manifests of images: which of them SageMaker's hosting takes, and how another becomes one that it takes.

Source: the OCI image specification (manifest.md, image-index.md) and Docker's "Image Manifest Version 2, Schema 2".
Both name the same blobs by the same digests, in other words; hosting answers the OCI words with "Unsupported manifest
media type".
"""

import json
from typing import Any

from lgbm_sm.errors import ImageError

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
# what a registry is asked for: without it, it may answer with a converted manifest of another digest
ACCEPTED = (DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX)

_DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
_DOCKER_LAYERS = {
    "application/vnd.oci.image.layer.v1.tar+gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
_REMEDY = "build with `lgbm-sm build`, or with `docker build --provenance=false --sbom=false` and gzip layers"


def config_digest(manifest: str) -> str:
    """The digest of a single image's configuration, which the Docker engine calls the image's id."""
    digest: str = json.loads(manifest)["config"]["digest"]
    return digest


def config_digests(manifest: str) -> list[str]:
    """The digest of a single image's configuration, in a list; none for an index."""
    config = json.loads(manifest).get("config")
    return [config["digest"]] if config else []


def parts_of_index(manifest: str) -> list[str]:
    """The digests of the manifests in an index; none for a single image."""
    return [part["digest"] for part in json.loads(manifest).get("manifests", ())]


def digest_for_platform(index: str, platform: str) -> str:
    """The digest of the manifest for a platform, such as linux/amd64, in an index; attestations are passed over.

    Raises:
        ImageError: there is none.
    """
    described = []
    for manifest in json.loads(index)["manifests"]:
        found = manifest.get("platform", {})
        name = f"{found.get('os')}/{found.get('architecture')}"
        if name == platform:
            digest: str = manifest["digest"]
            return digest
        described.append(name)
    raise ImageError(f"the index holds no image for {platform}, but for {', '.join(described)}", _REMEDY)


def docker_manifest(manifest: str) -> str:
    """The same image in the words of Docker's schema 2.

    Raises:
        ImageError: a layer has a form that schema 2 has no word for, such as zstd.
    """
    document: dict[str, Any] = json.loads(manifest)
    layers = []
    for layer in document["layers"]:
        media_type = _DOCKER_LAYERS.get(layer["mediaType"])
        if media_type is None:
            raise ImageError(f"a layer is {layer['mediaType']}, which SageMaker's hosting cannot take", _REMEDY)
        layers.append({"mediaType": media_type, "size": layer["size"], "digest": layer["digest"]})
    config = document["config"]
    converted = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": {"mediaType": _DOCKER_CONFIG, "size": config["size"], "digest": config["digest"]},
        "layers": layers,
    }
    return json.dumps(converted, separators=(",", ":"))
