"""Build an image with Docker."""

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from lgbm_sm.backends.docker.build_context import ImageRecipe, context_archive, context_digest, image_tag
from lgbm_sm.backends.docker.engine import CONTEXT_LABEL, ID_LABEL, PATTERN_LABEL, PROJECT_LABEL, Engine, engine_errors
from lgbm_sm.backends.docker.events import follow_events
from lgbm_sm.backends.docker.images import remove_replaced
from lgbm_sm.errors import ConfigError, EngineError, ImageError
from lgbm_sm.record.entries import Image
from lgbm_sm.workspace import Workspace

PROJECT_ARGUMENT = "LGBM_SM_PROJECT"  # this build argument only labels the build stages, so it is not in the digest
LEAST_FREE_BYTES = 3 * 1000**3


@dataclass(frozen=True)
class BuiltImage:
    """An image that Docker has.

    `unchanged` is true if the image already existed. `platform` is a text such as linux/amd64.
    """

    tag: str
    image_id: str
    pattern: str
    platform: str
    context: str
    size_bytes: int
    seconds: float
    unchanged: bool


def build(recipe: ImageRecipe, workspace: Workspace, *, no_cache: bool = False) -> BuiltImage:
    """Build the image of `recipe` if Docker does not have it. With `no_cache`, repeat every step of the build.

    Raises:
        EngineError: Docker does not answer.
        ConfigError: the CA bundle cannot be read.
        ImageError: the disk is nearly full, or a step of the build failed.
        KeyboardInterrupt: the user pressed Ctrl-C. Docker then ends the current step.
    """
    project, record, engine, reporter = (
        workspace.config.project.name,
        workspace.record,
        workspace.engine,
        workspace.reporter,
    )
    started_at = time.monotonic()
    digest, tag = context_digest(recipe), image_tag(recipe)
    reporter.step(f"Image {tag}: {recipe.dockerfile}, {recipe.platform}")
    unchanged = not no_cache and engine.has_image(tag)
    if unchanged:
        reporter.detail("unchanged: Docker already has this image")
    else:
        ca_bundle = _read_ca_bundle(workspace.ca_bundle_path)
        check_disk(free_bytes(engine))
        image = Image(name=tag, project=project, created_at=datetime.now(UTC), pattern=recipe.pattern)
        record.add(image)
        labels = {PROJECT_LABEL: project, PATTERN_LABEL: str(recipe.pattern), CONTEXT_LABEL: digest}
        labels[ID_LABEL] = record.project_id
        if recipe.platform != engine.platform:
            reporter.warn(f"Docker runs on {engine.platform}: {recipe.platform} is built under emulation")
        with engine_errors(f"image {tag} cannot be built", ImageError, _hint(recipe, engine)):
            events = engine.client.api.build(
                fileobj=context_archive(recipe, ca_bundle),
                custom_context=True,
                dockerfile=recipe.dockerfile,
                tag=tag,
                buildargs={**recipe.all_arguments, PROJECT_ARGUMENT: project},
                labels=labels,
                platform=recipe.platform,
                nocache=no_cache,
                rm=True,
                forcerm=True,
                decode=True,
            )
            end = follow_events(events, reporter, shown=("Step ", "Pulling from"))
        if end.failure:
            said = "".join(f"\n  {line}" for line in end.last_lines)
            raise ImageError(f"image {tag} cannot be built: {end.failure}{said}", _hint(recipe, engine))
        remove_replaced(image, engine)
    built = look_at_image(tag, recipe.pattern, engine, started_at, context=digest, unchanged=unchanged)
    for image in record.images(project):
        if image.name == tag:
            record.update(structs.replace(image, image_id=built.image_id))
    reporter.detail(f"{built.image_id}, {built.size_bytes / 1e6:.0f} MB, {built.seconds:.1f} s")
    return built


def look_at_image(
    tag: str, pattern: str, engine: Engine, started_at: float, *, context: str, unchanged: bool
) -> BuiltImage:
    """Return facts about an image that Docker has."""
    with engine_errors(f"image {tag} cannot be inspected", ImageError):
        attributes = engine.client.images.get(tag).attrs
    return BuiltImage(
        tag=tag,
        image_id=attributes["Id"],
        pattern=pattern,
        platform=f"{attributes['Os']}/{attributes['Architecture']}",
        context=context,
        size_bytes=attributes["Size"],
        seconds=time.monotonic() - started_at,
        unchanged=unchanged,
    )


def _hint(recipe: ImageRecipe, engine: Engine) -> str:
    if recipe.platform != engine.platform:
        return (
            f"Docker runs on {engine.platform}: {recipe.platform} needs emulation "
            "(`docker run --privileged --rm tonistiigi/binfmt --install all`) and a base image of that platform"
        )
    return "fix the error above; -v shows every line; behind a TLS-intercepting proxy set container.ca_bundle"


def _read_ca_bundle(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"container.ca_bundle: {path} cannot be read: {error.strerror}", "check the path") from error
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ConfigError(f"container.ca_bundle: {path} contains no certificate in PEM form", "set a PEM file")
    return content


def free_bytes(engine: Engine) -> int | None:
    """Return the free space on Docker's disk, or None if the disk is not on this machine."""
    with engine_errors("cannot read Docker's data folder", EngineError):
        info = engine.client.info()
    folder = Path(info.get("DockerRootDir") or "")
    if not engine.shares_network() or not folder.is_absolute() or not folder.exists():
        return None
    return shutil.disk_usage(folder).free


def check_disk(free: int | None) -> None:
    """Raise ImageError if less than 3 GB are free. If `free` is None, check nothing.

    An image and the steps of its build need about half of that.
    """
    if free is not None and free < LEAST_FREE_BYTES:
        raise ImageError(
            f"{free / 1e9:.1f} GB are free on Docker's disk; a build needs {LEAST_FREE_BYTES / 1e9:.0f} GB",
            "`docker system df` shows the used space; `docker image prune` removes untagged images, and "
            "`lgbm-sm cleanup` removes this project's images",
        )
