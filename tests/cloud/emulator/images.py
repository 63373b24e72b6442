"""The images that jobs and endpoints are made of: pulled from the registry, or given in place of AWS's own."""

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
    """What a session's emulation calls the images that it runs, in the engine."""
    return f"lgbm-sm-test-cloud-run-{session}"


class Images:
    """`provided` has an image of the engine for a URI of AWS's own images, which nobody can pull here."""

    def __init__(self, registry: Registry, containers: Containers | None) -> None:
        self.registry = registry
        self.provided: dict[str, str] = {}
        self._containers = containers
        self._lock = threading.Lock()

    def reset(self) -> None:
        self.provided.clear()

    def check_training(self, uri: str, role_arn: str) -> None:
        """As CreateTrainingJob does."""
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
        """As CreateModel does."""
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
        """The URI with the digest that it stands for now."""
        host, repository, image = self._find(uri)
        return uri if image is None else f"{host}/{repository}@{image.digest}"

    def pull(self, uri: str) -> str:
        """A name of its own for the image in the engine, to be given back by `release`.

        The platform's machines are others than the caller's: what the caller does with its own names for the image,
        and which of them it finds, does not depend on what runs here.
        Raises docker.errors.APIError when the registry does not give it.
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
        """Harmless when it is gone, or when there is no name."""
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
