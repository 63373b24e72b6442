"""The images of jobs and endpoints. They come from the registry, or replace AWS's images."""

from __future__ import annotations

import contextlib
import re
import threading
import uuid

from docker.errors import ImageNotFound

from tests.cloud.emulator.calls import AwsError
from tests.cloud.emulator.containers import Containers
from tests.cloud.emulator.registry import PushedImage, Registry, find_repository

_ECR_HOST = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_PERMISSIONS = "ecr:BatchCheckLayerAvailability, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer"
# what hosting takes; https://github.com/aws/amazon-sagemaker-feedback/issues/180
_HOSTED = "application/vnd.docker.distribution.manifest.v2+json"


def run_name(session: str) -> str:
    """Return the name that the emulator of a session gives to its images in Docker."""
    return f"lgbm-sm-test-cloud-run-{session}"


class Images:
    """The images.

    `provided` maps URIs of AWS's images, which cannot be pulled here, to local images.
    """

    def __init__(self, registry: Registry, containers: Containers | None) -> None:
        self.registry = registry
        self.provided: dict[str, str] = {}
        self._containers = containers
        self._lock = threading.Lock()

    def reset(self) -> None:
        self.provided.clear()

    def check_training(self, uri: str, role_arn: str) -> None:
        """Check an image as CreateTrainingJob does."""
        host, repository, image = self._find(uri)
        if uri in self.provided or image is not None:
            return
        account = _ECR_HOST.fullmatch(host)
        if host != self.registry.address and account is None:
            raise AwsError(
                "ValidationException",
                "TrainingImageConfig with TrainingRepositoryAccessMode set to VPC must be provided when using a "
                "training image from a private Docker registry. Please provide TrainingImageConfig and "
                "TrainingRepositoryAccessMode set to VPC when using a training image from a private Docker registry.",
            )
        if account is None and find_repository(repository) is not None:
            raise AwsError("ValidationException", f"Cannot find the requested image: {uri}")
        owner = account["account"] if account is not None else "123456789012"
        raise AwsError(
            "ValidationException",
            f"Cannot find repository: {repository} in registry ID: {owner} Please check if your ECR repository "
            f"exists and role {role_arn} has proper pull permissions for SageMaker: {_PERMISSIONS}",
        )

    def check_hosting(self, uri: str) -> None:
        """Check an image as CreateModel does."""
        host, _, image = self._find(uri)
        if uri in self.provided:
            return
        if host != self.registry.address and _ECR_HOST.fullmatch(host) is None:
            raise AwsError(
                "ValidationException",
                f'Using non-ECR image "{uri}" without Vpc repository access mode is not supported.',
            )
        if image is None:
            raise AwsError("ValidationException", f"Requested image {uri} not found.")
        if image.media_type != _HOSTED:
            raise AwsError(
                "ValidationException",
                f"Unsupported manifest media type {image.media_type} for image {uri}. Ensure that valid manifest media "
                "type is used for specified image.",
            )

    def digest(self, uri: str) -> str:
        """Return the URI with the current digest of its tag."""
        host, repository, image = self._find(uri)
        return uri if image is None else f"{host}/{repository}@{image.digest}"

    def pull(self, uri: str) -> str:
        """Pull an image, and return a new name for it in Docker. `release` removes the name.

        SageMaker pulls images on its own machines. So names that the caller has for the image in Docker must not change
        the result here.

        Raises docker.errors.APIError if the registry refuses the image.
        """
        assert self._containers is not None, "the emulation was started without an engine"
        client = self._containers.client
        own = (run_name(self._containers.session), uuid.uuid4().hex[:12])
        if uri in self.provided:
            client.images.get(self.provided[uri]).tag(*own)
            return ":".join(own)
        name = self.digest(uri)
        with self._lock:
            try:
                client.images.get(name).tag(*own)
            except ImageNotFound:
                login = {"username": "AWS", "password": self.registry.platform_token}
                repository, _, digest = name.partition("@")
                client.images.pull(repository, tag=digest, auth_config=login).tag(*own)
                client.images.remove(name)
        return ":".join(own)

    def release(self, name: str) -> None:
        """Remove the name of an image. An empty or missing name is no error."""
        if name and self._containers is not None:
            with contextlib.suppress(ImageNotFound):
                self._containers.client.images.remove(name)

    def _find(self, uri: str) -> tuple[str, str, PushedImage | None]:
        host, _, path = uri.partition("/")
        repository, _, digest = path.partition("@")
        repository, _, tag = repository.partition(":")
        if host != self.registry.address or find_repository(repository) is None:
            return host, repository, None
        return host, repository, self.registry.find(repository, "" if digest else tag or "latest", digest)
