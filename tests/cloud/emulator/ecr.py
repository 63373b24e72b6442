"""ECR's operations on images, with the content of the registry. moto has the repositories."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.cloud.emulator.calls import ACCOUNT, AwsError, Call
from tests.cloud.emulator.registry import PushedImage, Registry, find_repository


class Ecr:
    """Its methods are operations of ECR."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def get_authorization_token(self, _call: Call) -> dict[str, Any]:
        token, ends = self.registry.new_token()
        encoded = base64.b64encode(f"AWS:{token}".encode()).decode()
        data = {
            "authorizationToken": encoded,
            "expiresAt": ends,
            "proxyEndpoint": f"http://{self.registry.address}",
        }
        return {"authorizationData": [data]}

    def describe_images(self, call: Call) -> dict[str, Any]:
        name = self.repository(call)
        wanted = call.parameters.get("imageIds")
        if wanted:
            images = {image.digest: image for image in (self._get(name, image_id) for image_id in wanted)}
            return {"imageDetails": [_details(name, image) for image in images.values()]}
        found = [_details(name, image) for image in self._filtered(call, name)]
        return _page(call, "imageDetails", found)

    def list_images(self, call: Call) -> dict[str, Any]:
        ids: list[dict[str, Any]] = []
        for image in self._filtered(call, self.repository(call)):
            tags: list[str | None] = [*sorted(image.tags)]
            ids += [{"imageDigest": image.digest, "imageTag": tag} for tag in tags or [None]]
        return _page(call, "imageIds", ids)

    def batch_get_image(self, call: Call) -> dict[str, Any]:
        name = self.repository(call)
        found, failures = [], []
        for image_id in call.parameters["imageIds"]:
            image = self._find(name, image_id)
            if image is None:
                failures.append(_failure(image_id))
            else:
                found.append(_image(name, image, image_id.get("imageTag")))
        return {"images": found, "failures": failures}

    def put_image(self, call: Call) -> dict[str, Any]:
        name, given = self.repository(call), call.parameters
        manifest = given["imageManifest"].encode()
        media_type = given.get("imageManifestMediaType") or json.loads(manifest).get("mediaType")
        if media_type is None:
            raise AwsError("InvalidParameterException", "Invalid parameter at 'ImageManifest' failed to satisfy: type")
        tag = given.get("imageTag", "")
        image = self.registry.find(name, tag)
        if image is not None and image.manifest == manifest:
            raise AwsError(
                "ImageAlreadyExistsException",
                f"Image with digest '{image.digest}' and tag '{tag}' already exists in the repository with name "
                f"'{name}' in registry with id '{ACCOUNT}'",
            )
        image = self.registry.put(name, tag or given.get("imageDigest", "sha256:"), manifest, media_type)
        return {"image": _image(name, image, tag or None)}

    def batch_delete_image(self, call: Call) -> dict[str, Any]:
        """Delete images by tag or by digest.

        By a tag, only that tag is deleted. The image is deleted with its last tag. By its digest, the image is deleted
        with all its tags.
        """
        name = self.repository(call)
        deleted, failures = [], []
        for image_id in call.parameters["imageIds"]:
            image = self._find(name, image_id)
            if image is None:
                failures.append(_failure(image_id))
                continue
            gone = sorted(image.tags) if "imageDigest" in image_id else [image_id["imageTag"]]
            deleted += [{"imageDigest": image.digest, "imageTag": tag} for tag in gone or [None]]
            image.tags.difference_update(gone)
            if not image.tags:
                del self.registry.images[name][image.digest]
        return {"imageIds": deleted, "failures": failures}

    def before_delete_repository(self, call: Call) -> None:
        name = self.repository(call)
        if self.registry.images.get(name) and not call.parameters.get("force"):
            raise AwsError(
                "RepositoryNotEmptyException",
                f"The repository with name '{name}' in registry with id '{ACCOUNT}' cannot be deleted because it "
                "still contains images",
            )

    def after_delete_repository(self, call: Call) -> None:
        self.registry.images.pop(call.parameters["repositoryName"], None)

    def repository(self, call: Call) -> str:
        """Return the name of the repository in the call.

        Raises AwsError (RepositoryNotFoundException) if the repository does not exist in the region of the call.
        """
        name: str = call.parameters["repositoryName"]
        repository = find_repository(name)
        if repository is None or repository.region_name != call.region:
            raise AwsError(
                "RepositoryNotFoundException",
                f"The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'",
            )
        return name

    def _find(self, name: str, image_id: dict[str, str]) -> PushedImage | None:
        return self.registry.find(name, image_id.get("imageTag", ""), image_id.get("imageDigest", ""))

    def _get(self, name: str, image_id: dict[str, str]) -> PushedImage:
        image = self._find(name, image_id)
        if image is None:
            digest, tag = image_id.get("imageDigest", "null"), image_id.get("imageTag", "null")
            raise AwsError(
                "ImageNotFoundException",
                f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the "
                f"repository with name '{name}' in the registry with id '{ACCOUNT}'",
            )
        return image

    def _filtered(self, call: Call, name: str) -> list[PushedImage]:
        status = call.parameters.get("filter", {}).get("tagStatus", "ANY")
        images = self.registry.images.get(name, {}).values()
        return [image for image in images if status in ("ANY", "TAGGED" if image.tags else "UNTAGGED")]


def _page(call: Call, member: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    start, size = int(call.parameters.get("nextToken", 0)), call.parameters.get("maxResults", 100)
    end = start + size
    return {member: found[start:end], "nextToken": str(end) if end < len(found) else None}


def _details(name: str, image: PushedImage) -> dict[str, Any]:
    return {
        "registryId": ACCOUNT,
        "repositoryName": name,
        "imageDigest": image.digest,
        "imageTags": sorted(image.tags) or None,
        "imageSizeInBytes": image.size,
        "imagePushedAt": image.pushed_at,
        "imageManifestMediaType": image.media_type,
        "artifactMediaType": image.content.get("config", {}).get("mediaType"),
    }


def _image(name: str, image: PushedImage, tag: str | None) -> dict[str, Any]:
    return {
        "registryId": ACCOUNT,
        "repositoryName": name,
        "imageId": {"imageDigest": image.digest, "imageTag": tag},
        "imageManifest": image.manifest.decode(),
        "imageManifestMediaType": image.media_type,
    }


def _failure(image_id: dict[str, str]) -> dict[str, Any]:
    return {"imageId": image_id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
