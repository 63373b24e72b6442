"""Push an image from Docker to ECR, in a format that SageMaker's hosting accepts."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from lgbm_sm.aws.account import AwsAccount, registry_login
from lgbm_sm.aws.ecr_repository import EcrRepository, Manifest
from lgbm_sm.aws.image_manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    config_digest,
    digest_for_platform,
    docker_manifest,
)
from lgbm_sm.aws.refusals import denied_remedy
from lgbm_sm.aws.resources.pushed_image import PushedImage
from lgbm_sm.aws.resources.repository import Repository
from lgbm_sm.backends.docker.engine import Engine, engine_errors
from lgbm_sm.backends.docker.events import follow_events
from lgbm_sm.errors import ImageError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import aws_fields
from lgbm_sm.record.record import Record
from lgbm_sm.workspace import Workspace

_AGAIN = "run `lgbm-sm push` again: layers that were uploaded are not sent again"


@dataclass(frozen=True)
class PushResult:
    """An image in ECR.

    `uri` is the address for deployments, and ends with the digest. `unchanged` is true if ECR already had the image.
    """

    uri: str
    tag_uri: str
    digest: str
    media_type: str
    platform: str
    unchanged: bool
    seconds: float


def push(tag: str, workspace: Workspace) -> PushResult:
    """Push the image `tag` (`<repository>:<tag>`) if ECR does not have it, and check the result in ECR.

    If the repository does not exist, create it. The login token is only sent with the call, and not stored.

    Raises:
        EngineError: Docker does not answer.
        ImageError: Docker does not have the image, or its format in ECR is not one that SageMaker accepts.
        AwsError: AWS refuses a call, or does not answer.
    """
    record, engine, reporter = workspace.record, workspace.engine, workspace.reporter
    started_at = time.monotonic()
    account = workspace.accounts.get(workspace.config.aws.region)
    image_id, platform = _look_at(tag, engine)
    name, _, version = tag.rpartition(":")
    repository = EcrRepository(account, name)
    reporter.step(f"Push {tag}")
    fields = aws_fields(account, workspace.config.project.name, datetime.now(UTC))
    repository_uri = _ensure(repository, account, workspace, fields)
    entry = PushedImage(name=f"{repository_uri}:{version}", repository=name, **fields)
    held = find_pushed(repository, tag, record)
    unchanged = held is not None and is_of_engine(held, image_id, repository, version, platform)
    if workspace.dry_run and not unchanged:
        workspace.dry_run.note("docker", "push", image=tag, to=entry.name)
        return PushResult(entry.name, entry.name, "", "", platform, unchanged=False, seconds=0)
    if unchanged:
        reporter.detail("unchanged: ECR already has this image")
    else:
        record.add(entry)
        _send(tag, entry, account, engine, reporter)
    arrived = held if held and unchanged else _get(repository, version)
    digests: tuple[str, ...] = (arrived.digest,)
    if arrived.media_type != DOCKER_MANIFEST:
        reporter.detail(
            f"SageMaker refuses {arrived.media_type}: pushing a manifest in another format, for the same layers"
        )
        arrived = as_hosting_takes_it(repository, arrived, version, platform)
        digests = (*digests, arrived.digest)
    if not unchanged and image_id not in (*digests, config_digest(arrived.text)):
        raise ImageError(f"{entry.name} is not the pushed image: another push has replaced it", _AGAIN)
    if not unchanged:
        record.update(structs.replace(entry, digests=digests))
    seconds = time.monotonic() - started_at
    uri = f"{repository_uri}@{arrived.digest}"
    reporter.detail(f"{uri}, {seconds:.1f} s")
    return PushResult(uri, entry.name, arrived.digest, arrived.media_type, platform, unchanged, seconds)


def find_pushed(repository: EcrRepository, tag: str, record: Record) -> Manifest | None:
    """Return the manifest of a pushed image in the format that SageMaker accepts, or None if there is none.

    `tag` is `<repository>:<tag>`. If Docker pushed another format and tags are immutable, the converted manifest has no
    tag. The record then contains its digest.
    """
    version = tag.rpartition(":")[2]
    found = repository.find_manifest(tag=version)
    if found is not None and found.media_type != DOCKER_MANIFEST:
        pushed = [image for image in record.of_type(PushedImage) if image.name.endswith(f"/{tag}") and image.digests]
        found = repository.find_manifest(digest=pushed[-1].digests[-1]) if pushed else None
    return found if found is not None and found.media_type == DOCKER_MANIFEST else None


def get_deployed_uri(tag: str, account: AwsAccount, record: Record) -> str:
    """Return the address of a pushed image. `tag` is `<repository>:<tag>`, and the address ends with a digest.

    Raises:
        ImageError: ECR does not have the image in a format that SageMaker accepts.
        AwsError: AWS refuses a call, or does not answer.
    """
    repository = EcrRepository(account, tag.rpartition(":")[0])
    uri = repository.find_uri()
    manifest = find_pushed(repository, tag, record) if uri else None
    if manifest is None:
        raise ImageError(
            f"ECR in {account.region} has no image {tag} in a format that SageMaker accepts",
            "run `lgbm-sm build` and `lgbm-sm push` first, with the same configuration",
        )
    return f"{uri}@{manifest.digest}"


def _look_at(tag: str, engine: Engine) -> tuple[str, str]:
    """Return the id and the platform of an image that Docker has."""
    if not engine.has_image(tag):
        raise ImageError(f"Docker has no image {tag}", "run `lgbm-sm build` first, with the same configuration")
    with engine_errors(f"image {tag} cannot be inspected", ImageError):
        attributes = engine.client.images.get(tag).attrs
    return attributes["Id"], f"{attributes['Os']}/{attributes['Architecture']}"


def _ensure(repository: EcrRepository, account: AwsAccount, workspace: Workspace, fields: Mapping[str, Any]) -> str:
    """Return the address of the repository. Create the repository if it does not exist.

    Only a new repository is recorded, so lgbm-sm never deletes a repository that it did not create.
    """
    uri = repository.find_uri()
    if uri is not None:
        return uri
    workspace.reporter.detail(f"creating repository {repository.name}")
    name = f"{account.account_id}/{account.region}/{repository.name}"
    workspace.record.add(Repository(name=name, repository=repository.name, **fields))
    return repository.create(workspace.tags(), immutable_tags=workspace.config.aws.immutable_tags)


def _send(tag: str, entry: PushedImage, account: AwsAccount, engine: Engine, reporter: Reporter) -> None:
    login = registry_login(account.session, account.account_id, account.region)
    repository_uri, _, version = entry.name.rpartition(":")
    failure = f"{entry.name} cannot be pushed"
    with engine_errors(failure, ImageError, _AGAIN):
        engine.client.api.tag(tag, repository_uri, version, force=True)
        try:
            events = engine.client.api.push(repository_uri, version, stream=True, decode=True, auth_config=login)
            end = follow_events(events, reporter)
        finally:
            # remove only the ECR name; on this machine, the image keeps its own tag
            engine.client.api.remove_image(entry.name)
    if end.failure:
        raise ImageError(f"{failure}: {end.failure}", denied_remedy(end.failure) or _AGAIN)


def _get(repository: EcrRepository, version: str, digest: str = "") -> Manifest:
    found = repository.find_manifest(digest=digest) if digest else repository.find_manifest(tag=version)
    if found is None:
        raise ImageError(f"repository {repository.name} does not have the pushed image {digest or version}", _AGAIN)
    return found


def as_hosting_takes_it(repository: EcrRepository, arrived: Manifest, version: str, platform: str) -> Manifest:
    """Convert a manifest to Docker's schema 2, the format that SageMaker accepts. Push it and return it.

    Raises:
        ImageError: the manifest cannot be converted, or is for another platform.
        AwsError: AWS refuses a call, or does not answer.
    """
    single = _single(repository, arrived, version, platform)
    text = single.text if single.media_type == DOCKER_MANIFEST else docker_manifest(single.text)
    return _get(repository, version, repository.put_manifest(text, DOCKER_MANIFEST, version))


def is_of_engine(held: Manifest, image_id: str, repository: EcrRepository, version: str, platform: str) -> bool:
    """Return whether a manifest in the repository belongs to Docker's image with this id.

    In Docker's classic image store, the id is the digest of the image's configuration. In the containerd image store
    (the default from Docker 29 on), the id is the digest of the manifest or index that Docker pushes. The repository
    then has two manifests with the same configuration: the pushed one, and the one converted for SageMaker.
    """
    if image_id in (held.digest, config_digest(held.text)):
        return True
    sent = repository.find_manifest(digest=image_id)
    if sent is None:
        return False
    return config_digest(_single(repository, sent, version, platform).text) == config_digest(held.text)


def _single(repository: EcrRepository, manifest: Manifest, version: str, platform: str) -> Manifest:
    """Return the manifest. If it is an index, return the index's manifest for the platform."""
    if manifest.media_type not in (OCI_INDEX, DOCKER_LIST):
        return manifest
    return _get(repository, version, digest_for_platform(manifest.text, platform))
