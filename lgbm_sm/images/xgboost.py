"""Pull AWS's XGBoost image, and tag it for the project. Pattern C (script mode) serves in this image."""

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from msgspec import structs

from lgbm_sm.aws.account import open_session, region_of, registry_login
from lgbm_sm.aws.policy_scope import ECR_URI
from lgbm_sm.backends.docker.build_context import xgboost_tag
from lgbm_sm.backends.docker.engine import Engine, engine_errors
from lgbm_sm.backends.docker.events import follow_events
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import ConfigError, ImageError
from lgbm_sm.images.build import BuiltImage, check_disk, free_bytes, look_at_image
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Image
from lgbm_sm.workspace import Workspace

PLATFORM = "linux/amd64"  # AWS publishes the image only for this platform


def provide(workspace: Workspace, *, image: str | None = None, pull_again: bool = False) -> BuiltImage:
    """Give the project's tag to `image`. Without `image`, pull AWS's XGBoost image and tag it.

    If the tag already exists, pull AWS's image only with `pull_again`.

    Raises:
        EngineError: Docker does not answer.
        ImageError: Docker does not have `image`, the disk is nearly full, or the pull failed.
        ConfigError: AWS does not publish this XGBoost version in the region.
        AwsError: AWS denies access to the image.
    """
    config, record, engine, reporter = workspace.config, workspace.record, workspace.engine, workspace.reporter
    started_at = time.monotonic()
    tag = xgboost_tag(config)
    reporter.step(f"Image {tag}: {image or 'the XGBoost image that AWS publishes'}")
    unchanged = image is None and not pull_again and engine.has_image(tag)
    if unchanged:
        reporter.detail("unchanged: Docker already has this image")
    else:
        if image and not engine.has_image(image):
            raise ImageError(f"--image {image}: Docker has no such image", "pull it, or check the name")
        uri = image or image_uri(config.container.xgboost_version, region_of(open_session(config.aws.region)))
        entry = Image(name=tag, project=config.project.name, created_at=datetime.now(UTC), pattern=Pattern.SCRIPT_MODE)
        if not image:
            pull(uri, _login(uri, reporter), engine, reporter)
        record.add(entry)
        image_id = _name(uri, tag, engine, only_name=not image)
        record.update(structs.replace(entry, image_id=image_id))
    return look_at_image(tag, Pattern.SCRIPT_MODE, engine, started_at, context="", unchanged=unchanged)


def image_uri(version: str, region: str) -> str:
    """Return the address of AWS's XGBoost image in a region.

    Raises:
        ConfigError: AWS does not publish this XGBoost version in the region.
    """
    from sagemaker.core import image_uris

    try:
        uri: str = image_uris.retrieve("xgboost", region, version=version)
    except ValueError as error:
        said = f"AWS has no XGBoost image {version} in {region}: {error}"
        raise ConfigError(said, "set aws.region to another region") from error
    return uri


def _login(uri: str, reporter: Reporter) -> dict[str, str]:
    match = ECR_URI.match(uri)
    if match is None:
        raise ValueError(f"{uri} is not in an account's registry")  # the SDK always returns an address in ECR
    return registry_login(open_session(tell_retry=reporter.detail), match["account"], match["region"])


def pull(uri: str, login: Mapping[str, str], engine: Engine, reporter: Reporter) -> None:
    """Pull an image. `login` (username and password) is only sent with the call, and not stored.

    Raises:
        ImageError: the disk is nearly full, or the pull failed.
    """
    check_disk(free_bytes(engine))
    reporter.detail(f"pulling {uri}")
    hint = "check that this machine can reach the registry, and that the identity is allowed ecr:BatchGetImage"
    repository, _, tag = uri.rpartition(":")
    with engine_errors(f"image {uri} cannot be pulled", ImageError, hint):
        events = engine.client.api.pull(
            repository, tag=tag, stream=True, decode=True, auth_config=dict(login), platform=PLATFORM
        )
        end = follow_events(events, reporter)
    if end.failure:
        raise ImageError(f"image {uri} cannot be pulled: {end.failure}", hint)


def _name(uri: str, tag: str, engine: Engine, *, only_name: bool) -> str:
    """Give the tag to the image, and return the id of the image.

    Also remove the image that had the tag before. With `only_name`, also remove the name `uri`.
    """
    import docker.errors

    with engine_errors(f"image {uri} cannot be named {tag}", ImageError):
        before = engine.client.images.get(tag).id if engine.has_image(tag) else None
        found = engine.client.images.get(uri)
        found.tag(*tag.rsplit(":", 1))
        outdated = [uri] if only_name else []
        if before and before != found.id:
            outdated.append(before)
        for name in outdated:
            with suppress(docker.errors.APIError):  # another tag or a container uses it
                engine.client.images.remove(name)
        return str(found.id)
