"""A repository in ECR, the container registry of AWS: methods to find, add and delete its images."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from lgbm_sm.aws.account import PROJECT_TAG, AwsAccount, aws_errors, has_code
from lgbm_sm.aws.image_manifest import ACCEPTED, config_digests, parts_of_index
from lgbm_sm.aws.tags import Tags, as_list
from lgbm_sm.errors import AwsError
from lgbm_sm.names import IMAGE_TAG_LENGTH

_OUR_TAG = re.compile(rf"[0-9a-f]{{{IMAGE_TAG_LENGTH}}}")
_IS_MISSING = has_code("RepositoryNotFoundException")
_UNTAGGED_DAYS = 30
# an image loses its tag when a newer image gets the same tag
_LIFECYCLE_POLICY = {
    "rules": [
        {
            "rulePriority": 1,
            "description": f"untagged images expire after {_UNTAGGED_DAYS} days",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": _UNTAGGED_DAYS,
            },
            "action": {"type": "expire"},
        }
    ]
}


@dataclass(frozen=True)
class Manifest:
    """An image manifest. `digest` is the digest of `text`."""

    digest: str
    media_type: str
    text: str


class EcrRepository:
    """One repository. Methods raise AwsError if AWS refuses a call, or does not answer."""

    def __init__(self, account: AwsAccount, name: str) -> None:
        self.name = name
        self._account = account
        self._ecr = account.client("ecr")
        self._what = f"repository {name}"

    def find_uri(self) -> str | None:
        """Return the address for pushes and pulls, or None if the repository does not exist."""
        answer = self._ask("describe_repositories", repositoryNames=[self.name])
        return str(answer["repositories"][0]["repositoryUri"]) if answer else None

    def is_tagged(self, project: str) -> bool:
        """Return whether the repository has the project's tag. Only repositories that lgbm-sm created have the tag."""
        answer = self._ask("describe_repositories", repositoryNames=[self.name])
        if not answer:
            return False
        arn = answer["repositories"][0]["repositoryArn"]
        tags = self._ask("list_tags_for_resource", resourceArn=arn) or {"tags": []}
        return {"Key": PROJECT_TAG, "Value": project} in tags["tags"]

    def create(self, tags: Tags, *, immutable_tags: bool) -> str:
        """Create the repository and return its address. ECR scans its images and deletes old untagged images."""
        with aws_errors(self._what, verb="create"):
            created = self._ecr.create_repository(
                repositoryName=self.name,
                imageTagMutability="IMMUTABLE" if immutable_tags else "MUTABLE",
                imageScanningConfiguration={"scanOnPush": True},
                tags=as_list(tags),
            )
            self._ecr.put_lifecycle_policy(repositoryName=self.name, lifecyclePolicyText=json.dumps(_LIFECYCLE_POLICY))
        return str(created["repository"]["repositoryUri"])

    def find_manifest(self, *, tag: str = "", digest: str = "") -> Manifest | None:
        """Return the manifest of a tag or a digest, or None if the image or the repository does not exist."""
        image_id = {"imageTag": tag} if tag else {"imageDigest": digest}
        answer = self._ask(
            "batch_get_image", repositoryName=self.name, imageIds=[image_id], acceptedMediaTypes=list(ACCEPTED)
        )
        if not answer or not answer["images"]:
            return None
        [image] = answer["images"]
        return Manifest(image["imageId"]["imageDigest"], image["imageManifestMediaType"], image["imageManifest"])

    def find_pushed(self, known: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Map the tag of each image that `lgbm-sm push` sent to the digests of the image. Skip the `known` tags.

        An image that was converted for hosting has several manifests with the same configuration. Only one of these
        manifests has a tag. The result is empty if the repository does not exist.
        """
        listed = self._list_images()
        tags = sorted({tag for _, tag in listed if _OUR_TAG.fullmatch(tag) and tag not in known})
        tagged = {tag: manifest for tag in tags if (manifest := self.find_manifest(tag=tag))}
        untagged = [self.find_manifest(digest=digest) for digest, tag in listed if not tag] if tagged else []
        others = [manifest for manifest in untagged if manifest]
        return {tag: (manifest.digest, *_of_one_image(manifest, others)) for tag, manifest in tagged.items()}

    def _list_images(self) -> list[tuple[str, str]]:
        """Return the digest and the tag of each image. The tag of an untagged image is empty."""
        pages = self._account.find_pages("ecr", "list_images", self._what, _IS_MISSING, repositoryName=self.name)
        return [(one["imageDigest"], one.get("imageTag", "")) for page in pages for one in page["imageIds"]]

    def put_manifest(self, text: str, media_type: str, tag: str) -> str:
        """Add a manifest with a tag and return its digest. Its layers must already be in the repository.

        If another image has the tag, and tags are immutable, the manifest gets no tag.
        """
        described = {"repositoryName": self.name, "imageManifest": text, "imageManifestMediaType": media_type}
        try:
            with aws_errors(f"image {self.name}:{tag}", verb="put"):
                put = self._ecr.put_image(**described, imageTag=tag)
        except AwsError as error:
            if error.code != "ImageTagAlreadyExistsException":
                raise
            with aws_errors(f"image {self.name}:{tag}", verb="put"):
                put = self._ecr.put_image(**described)
        return str(put["image"]["imageId"]["imageDigest"])

    def delete_images(self, digests: Collection[str]) -> list[str]:
        """Delete images with all their tags. Ignore images that do not exist.

        Return a reason for each image that could not be deleted.
        """
        if not digests:
            return []
        image_ids = [{"imageDigest": digest} for digest in digests]
        answer = self._ask("batch_delete_image", repositoryName=self.name, imageIds=image_ids)
        return [
            f"{failure['imageId']['imageDigest']}: {failure['failureReason']}"
            for failure in (answer["failures"] if answer else ())
            if failure["failureCode"] != "ImageNotFound"
        ]

    def delete(self) -> list[str]:
        """Delete the repository if it is empty. Return the reason if it is not. Do nothing if it does not exist."""
        try:
            self._ask("delete_repository", repositoryName=self.name)
        except AwsError as error:
            if error.code != "RepositoryNotEmptyException":
                raise
            return ["it contains images that lgbm-sm did not push"]
        return []

    def _ask(self, operation: str, **parameters: Any) -> dict[str, Any] | None:
        return self._account.find("ecr", operation, self._what, _IS_MISSING, **parameters)


def _of_one_image(tagged: Manifest, others: Sequence[Manifest]) -> list[str]:
    """Return the digests of the `others` that are parts of this index, or the same image in another format."""
    parts = parts_of_index(tagged.text)
    found = [tagged, *(other for other in others if other.digest in parts)]
    configs = {digest for manifest in found for digest in config_digests(manifest.text)}
    return [other.digest for other in others if other.digest in parts or configs & set(config_digests(other.text))]
