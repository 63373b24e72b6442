"""`push`: an image from the engine to ECR, in a form that SageMaker's hosting takes."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import structs

from lgbm_sm.aws.account import AwsAccount, registry_login
from lgbm_sm.aws.dry_run import Rehearsal
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
from lgbm_sm.aws.tags import MakeTags
from lgbm_sm.backends.docker.engine import Engine, engine_errors
from lgbm_sm.errors import ImageError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Place
from lgbm_sm.record.record import Record

_AGAIN = "run `lgbm-sm push` again: layers that have arrived are not sent twice"


@dataclass(frozen=True)
class PushResult:
    """An image in ECR. `uri` ends with its digest, by which it is deployed; `unchanged`: it was there already."""

    uri: str
    tag_uri: str
    digest: str
    media_type: str
    platform: str
    unchanged: bool
    seconds: float


@dataclass(frozen=True)
class Destination:
    """Where an image goes, and whose it is. `immutable_tags` and `tags` are for a repository that has to be made.

    With a `rehearsal` nothing is sent.
    """

    account: AwsAccount
    project: str
    immutable_tags: bool
    tags: MakeTags
    rehearsal: Rehearsal | None = None


def push(
    tag: str, destination: Destination, *, record: Record, engine: Engine, reporter: Reporter, now: datetime
) -> PushResult:
    """Push the engine's image `tag` (`<repository>:<tag>`) unless ECR holds it already, and read back what arrived.

    A repository that is missing is made. The token goes with the call and is kept nowhere.

    Raises:
        EngineError: no engine answers.
        ImageError: the engine does not hold the image, or it did not arrive in a form that hosting takes.
        AwsError: AWS refuses a call, or does not answer.
    """
    started_at = time.monotonic()
    account = destination.account
    image_id, platform = _look_at(tag, engine)
    name, _, version = tag.rpartition(":")
    repository = EcrRepository(account, name)
    reporter.step(f"Push {tag}")
    repository_uri = _ensure(repository, destination, record, reporter, now)
    entry = PushedImage(
        name=f"{repository_uri}:{version}",
        project=destination.project,
        place=Place.AWS,
        created_at=now,
        account=account.account_id,
        region=account.region,
        repository=name,
    )
    held = find_pushed(repository, tag, record)
    unchanged = held is not None and is_of_engine(held, image_id, repository, version, platform)
    if destination.rehearsal and not unchanged:
        destination.rehearsal.note("docker", "push", image=tag, to=entry.name)
        return PushResult(entry.name, entry.name, "", "", platform, unchanged=False, seconds=0)
    if unchanged:
        reporter.detail("unchanged: ECR holds it already")
    else:
        record.add(entry)
        _send(tag, entry, account, engine, reporter)
    arrived = held if held and unchanged else _get(repository, version)
    digests: tuple[str, ...] = (arrived.digest,)
    if arrived.media_type != DOCKER_MANIFEST:
        reporter.detail(f"{arrived.media_type} is what SageMaker refuses: the same blobs get a manifest that it takes")
        arrived = as_hosting_takes_it(repository, arrived, version, platform)
        digests = (*digests, arrived.digest)
    if not unchanged and image_id not in (*digests, config_digest(arrived.text)):
        raise ImageError(f"{entry.name} is not the image that was sent: another push has taken the tag", _AGAIN)
    if not unchanged:
        record.update(structs.replace(entry, digests=digests))
    seconds = time.monotonic() - started_at
    uri = f"{repository_uri}@{arrived.digest}"
    reporter.detail(f"{uri}, {seconds:.1f} s")
    return PushResult(uri, entry.name, arrived.digest, arrived.media_type, platform, unchanged, seconds)


def find_pushed(repository: EcrRepository, tag: str, record: Record) -> Manifest | None:
    """What was pushed as `<repository>:<tag>`, in the form that hosting takes; None where there is no such image.

    Where tags are immutable and the engine has pushed another form, that form has the tag, and ours a digest only.
    """
    version = tag.rpartition(":")[2]
    found = repository.find_manifest(tag=version)
    if found is not None and found.media_type != DOCKER_MANIFEST:
        pushed = [image for image in record.of_type(PushedImage) if image.name.endswith(f"/{tag}") and image.digests]
        found = repository.find_manifest(digest=pushed[-1].digests[-1]) if pushed else None
    return found if found is not None and found.media_type == DOCKER_MANIFEST else None


def get_deployed_uri(tag: str, account: AwsAccount, record: Record) -> str:
    """The address by its digest of what was pushed as `<repository>:<tag>`.

    Raises:
        ImageError: ECR does not hold it, or not in a form that hosting takes.
        AwsError: AWS refuses a call, or does not answer.
    """
    repository = EcrRepository(account, tag.rpartition(":")[0])
    uri = repository.find_uri()
    manifest = find_pushed(repository, tag, record) if uri else None
    if manifest is None:
        raise ImageError(
            f"ECR in {account.region} does not hold image {tag} in a form that SageMaker takes",
            "run `lgbm-sm build` and `lgbm-sm push` first, with the same configuration",
        )
    return f"{uri}@{manifest.digest}"


def _look_at(tag: str, engine: Engine) -> tuple[str, str]:
    """Id and platform of the engine's image."""
    if not engine.has_image(tag):
        raise ImageError(f"the engine does not hold {tag}", "run `lgbm-sm build` first, with the same configuration")
    with engine_errors(f"image {tag} cannot be looked at", ImageError):
        attributes = engine.client.images.get(tag).attrs
    return attributes["Id"], f"{attributes['Os']}/{attributes['Architecture']}"


def _ensure(
    repository: EcrRepository, destination: Destination, record: Record, reporter: Reporter, now: datetime
) -> str:
    """The repository's address. Only one that is made here is on record, and so ever deleted."""
    uri = repository.find_uri()
    if uri is not None:
        return uri
    account = destination.account
    reporter.detail(f"repository {repository.name} is made")
    entry = Repository(
        name=f"{account.account_id}/{account.region}/{repository.name}",
        project=destination.project,
        place=Place.AWS,
        created_at=now,
        account=account.account_id,
        region=account.region,
        repository=repository.name,
    )
    record.add(entry)
    return repository.create(destination.tags(), immutable_tags=destination.immutable_tags)


def _send(tag: str, entry: PushedImage, account: AwsAccount, engine: Engine, reporter: Reporter) -> None:
    login = registry_login(account.session, account.account_id, account.region)
    repository_uri, _, version = entry.name.rpartition(":")
    failure = f"{entry.name} cannot be pushed"
    with engine_errors(failure, ImageError, _AGAIN):
        engine.client.api.tag(tag, repository_uri, version, force=True)
        try:
            events = engine.client.api.push(repository_uri, version, stream=True, decode=True, auth_config=login)
            _follow(events, failure, reporter)
        finally:
            # its own tag is the image's name here
            engine.client.api.remove_image(entry.name)


def _follow(events: Iterable[Mapping[str, Any]], failure: str, reporter: Reporter) -> None:
    """A push that fails says so in one of its events, and nowhere else."""
    said = ""
    for event in events:  # to the end, which gives the connection back
        said = said or str(event.get("error", "")).strip()
        if event.get("status") in ("Pushed", "Layer already exists"):
            reporter.log(f"{event.get('id', '')} {event['status'].lower()}")
        elif "progressDetail" not in event and event.get("status"):
            reporter.trace(str(event["status"]))
    if said:
        raise ImageError(f"{failure}: {said}", denied_remedy(said) or _AGAIN)


def _get(repository: EcrRepository, version: str, digest: str = "") -> Manifest:
    found = repository.find_manifest(digest=digest) if digest else repository.find_manifest(tag=version)
    if found is None:
        raise ImageError(f"{repository.name} does not hold {digest or version}, which was sent there", _AGAIN)
    return found


def as_hosting_takes_it(repository: EcrRepository, arrived: Manifest, version: str, platform: str) -> Manifest:
    """Put what arrived once more, as a single image in the words of Docker's schema 2, and read that back.

    Raises:
        ImageError: it cannot be said in those words, or is for another platform.
        AwsError: AWS refuses a call, or does not answer.
    """
    single = _single(repository, arrived, version, platform)
    text = single.text if single.media_type == DOCKER_MANIFEST else docker_manifest(single.text)
    return _get(repository, version, repository.put_manifest(text, DOCKER_MANIFEST, version))


def is_of_engine(held: Manifest, image_id: str, repository: EcrRepository, version: str, platform: str) -> bool:
    """Whether a manifest in the repository, of a single image, is of the engine's image with this id.

    The id is the digest of the configuration, or with the containerd image store (the default from Docker 29 on) the
    digest of the manifest or index that the engine sends. After an earlier push the repository has that one too, beside
    the manifest that hosting takes, with the same configuration.
    """
    if image_id in (held.digest, config_digest(held.text)):
        return True
    sent = repository.find_manifest(digest=image_id)
    if sent is None:
        return False
    return config_digest(_single(repository, sent, version, platform).text) == config_digest(held.text)


def _single(repository: EcrRepository, manifest: Manifest, version: str, platform: str) -> Manifest:
    """The manifest itself, or the platform's in an index."""
    if manifest.media_type not in (OCI_INDEX, DOCKER_LIST):
        return manifest
    return _get(repository, version, digest_for_platform(manifest.text, platform))
