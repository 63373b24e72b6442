"""AWS's XGBoost image, which pattern C serves on: fetched once, and known here by a tag of the project's own."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from msgspec import structs

from lgbm_sm.aws.account import open_session, region_of, registry_login
from lgbm_sm.aws.policy_scope import ECR_URI
from lgbm_sm.backends.docker.engine import Engine, engine_errors
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.errors import ConfigError, ImageError
from lgbm_sm.images.build import BuiltImage, check_disk, free_bytes
from lgbm_sm.names import script_mode_repository
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Image, Place
from lgbm_sm.record.record import Record

PLATFORM = "linux/amd64"  # AWS publishes no other


def xgboost_tag(config: Config) -> str:
    """The name by which this project knows the image in the engine."""
    return f"{script_mode_repository(config.project.name)}:{config.container.xgboost_version}"


def provide(
    config: Config,
    *,
    image: str | None,
    pull_again: bool,
    record: Record,
    engine: Engine,
    reporter: Reporter,
    now: datetime,
) -> BuiltImage:
    """Give the project's tag to `image`, which the engine holds, or else to AWS's image, which is pulled.

    With a tag that is there and no `image`, nothing is done and nobody is called, unless `pull_again`.

    Raises:
        EngineError: no engine answers.
        ImageError: the engine does not hold `image`, the disk is nearly full, or the pull failed.
        ConfigError: AWS has no such image in the region.
        AwsError: AWS gives no access to it.
    """
    started_at = time.monotonic()
    tag = xgboost_tag(config)
    reporter.step(f"Image {tag}: {image or 'the XGBoost image that AWS publishes'}")
    unchanged = image is None and not pull_again and engine.has_image(tag)
    if unchanged:
        reporter.detail("unchanged: the engine holds it already")
    else:
        if image and not engine.has_image(image):
            raise ImageError(f"--image {image}: the engine does not hold it", "pull it, or check the name")
        uri = image or image_uri(config.container.xgboost_version, region_of(open_session(config.aws.region)))
        entry = Image(
            name=tag, project=config.project.name, place=Place.DOCKER, created_at=now, pattern=Pattern.SCRIPT_MODE
        )
        if not image:
            pull(uri, _login(uri, reporter), engine, reporter)
        record.add(entry)
        image_id = _name(uri, tag, engine, only_name=not image)
        record.update(structs.replace(entry, image_id=image_id))
    with engine_errors(f"image {tag} cannot be looked at", ImageError):
        attributes = engine.client.images.get(tag).attrs
    return BuiltImage(
        tag=tag,
        image_id=attributes["Id"],
        pattern=Pattern.SCRIPT_MODE,
        platform=f"{attributes['Os']}/{attributes['Architecture']}",
        context="",
        size_bytes=attributes["Size"],
        seconds=time.monotonic() - started_at,
        unchanged=unchanged,
    )


def image_uri(version: str, region: str) -> str:
    """Where AWS keeps the image for a region.

    Raises:
        ConfigError: AWS has no such image there.
    """
    from sagemaker.core import image_uris

    try:
        uri: str = image_uris.retrieve("xgboost", region, version=version)
    except ValueError as error:
        said = f"AWS has no XGBoost image {version} in {region}: {error}"
        raise ConfigError(said, "set aws.region to another one") from error
    return uri


def _login(uri: str, reporter: Reporter) -> dict[str, str]:
    match = ECR_URI.match(uri)
    if match is None:
        raise ValueError(f"{uri} is in no account's registry")  # the SDK knows no other
    return registry_login(open_session(tell_retry=reporter.detail), match["account"], match["region"])


def pull(uri: str, login: Mapping[str, str], engine: Engine, reporter: Reporter) -> None:
    """Have the engine pull an image; `login` (username, password) is passed with the call and kept nowhere.

    Raises:
        ImageError: the disk is nearly full, or the pull failed.
    """
    check_disk(free_bytes(engine))
    reporter.detail(f"pulling {uri}")
    hint = "see that this machine reaches the registry, and that the identity may pull (ecr:BatchGetImage)"
    repository, _, tag = uri.rpartition(":")
    with engine_errors(f"image {uri} cannot be pulled", ImageError, hint):
        events = engine.client.api.pull(
            repository, tag=tag, stream=True, decode=True, auth_config=dict(login), platform=PLATFORM
        )
        _follow(events, uri, hint, reporter)


def _follow(events: Iterable[Mapping[str, Any]], uri: str, hint: str, reporter: Reporter) -> None:
    failure = ""
    for event in events:  # to the end, which gives the connection back
        failure = failure or str(event.get("error", "")).strip()
        if "progressDetail" not in event and event.get("status"):
            reporter.trace(str(event["status"]))
    if failure:
        raise ImageError(f"image {uri} cannot be pulled: {failure}", hint)


def _name(uri: str, tag: str, engine: Engine, *, only_name: bool) -> str:
    """Give the tag to the image; what bore it before goes, and so does the name `uri` with `only_name`."""
    import docker.errors

    with engine_errors(f"image {uri} cannot be named {tag}", ImageError):
        before = engine.client.images.get(tag).id if engine.has_image(tag) else None
        found = engine.client.images.get(uri)
        found.tag(*tag.rsplit(":", 1))
        outdated = [uri] if only_name else []
        if before and before != found.id:
            outdated.append(before)
        for name in outdated:
            with suppress(docker.errors.APIError):  # another tag or a container keeps it
                engine.client.images.remove(name)
        return str(found.id)
