"""`build`: an image from the build context, through the Docker engine."""

import shutil
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from lgbm_sm.backends.docker.engine import CONTEXT_LABEL, ID_LABEL, PATTERN_LABEL, PROJECT_LABEL, Engine, engine_errors
from lgbm_sm.backends.docker.images import remove_replaced
from lgbm_sm.errors import ConfigError, EngineError, ImageError
from lgbm_sm.images.build_context import ImageRecipe, context_archive, context_digest, image_tag
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Image, Place
from lgbm_sm.record.record import Record

PROJECT_ARGUMENT = "LGBM_SM_PROJECT"  # labels the stages; no part of what the image is
LEAST_FREE_BYTES = 3 * 1000**3
_LAST_LINES = 15
_LONGEST_STEP = 100  # characters of a step that are shown; all of it is traced


@dataclass(frozen=True)
class BuiltImage:
    """An image in the engine. `unchanged`: it was there already; `platform` is such as linux/amd64."""

    tag: str
    image_id: str
    pattern: str
    platform: str
    context: str
    size_bytes: int
    seconds: float
    unchanged: bool


def build(
    recipe: ImageRecipe,
    *,
    project: str,
    ca_bundle_path: Path | None,
    no_cache: bool,
    record: Record,
    engine: Engine,
    reporter: Reporter,
    now: datetime,
) -> BuiltImage:
    """Build the image of `recipe` unless the engine holds it already; `no_cache` builds it anew from its first step.

    Raises:
        EngineError: no engine answers.
        ConfigError: the CA bundle cannot be read.
        ImageError: the disk is nearly full, or a step of the build failed; with its last lines.
        KeyboardInterrupt: passed on; the engine ends the step that runs when the connection is closed.
    """
    started_at = time.monotonic()
    digest, tag = context_digest(recipe), image_tag(recipe)
    reporter.step(f"Image {tag}: {recipe.dockerfile}, {recipe.platform}")
    unchanged = not no_cache and engine.has_image(tag)
    if unchanged:
        reporter.detail("unchanged: the engine holds it already")
    else:
        ca_bundle = _read_ca_bundle(ca_bundle_path)
        check_disk(free_bytes(engine))
        image = Image(name=tag, project=project, place=Place.DOCKER, created_at=now, pattern=recipe.pattern)
        record.add(image)
        labels = {PROJECT_LABEL: project, PATTERN_LABEL: str(recipe.pattern), CONTEXT_LABEL: digest}
        labels[ID_LABEL] = record.project_id
        if recipe.platform != engine.platform:
            reporter.warn(f"the engine is {engine.platform}: {recipe.platform} is built under emulation")
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
            _follow(events, tag, _hint(recipe, engine), reporter)
        remove_replaced(image, engine)
    with engine_errors(f"image {tag} cannot be looked at", ImageError):
        attributes = engine.client.images.get(tag).attrs
    built = BuiltImage(
        tag=tag,
        image_id=attributes["Id"],
        pattern=recipe.pattern,
        platform=f"{attributes['Os']}/{attributes['Architecture']}",
        context=digest,
        size_bytes=attributes["Size"],
        seconds=time.monotonic() - started_at,
        unchanged=unchanged,
    )
    for image in record.images(project):
        if image.name == tag:
            record.update(structs.replace(image, image_id=built.image_id))
    reporter.detail(f"{built.image_id}, {built.size_bytes / 1e6:.0f} MB, {built.seconds:.1f} s")
    return built


def _hint(recipe: ImageRecipe, engine: Engine) -> str:
    if recipe.platform != engine.platform:
        return (
            f"this engine is {engine.platform}: {recipe.platform} needs emulation "
            "(`docker run --privileged --rm tonistiigi/binfmt --install all`) and a base image of that platform"
        )
    return "mend what the lines above name; -v shows every line; behind a proxy that opens TLS set container.ca_bundle"


def _follow(events: Iterable[Mapping[str, Any]], tag: str, hint: str, reporter: Reporter) -> None:
    """Report what the engine says of a build; a failure comes as one of its events.

    Raises:
        ImageError: the build failed.
    """
    last_lines: deque[str] = deque(maxlen=_LAST_LINES)
    failure = ""
    for event in events:  # to the end, which gives the connection back
        failure = failure or event.get("error", "").strip()
        text = event.get("stream") or ("" if "progressDetail" in event else event.get("status", ""))
        for line in filter(None, map(str.rstrip, text.splitlines())):
            last_lines.append(line)
            if line.startswith(("Step ", "Pulling from")):
                reporter.log(_shortened(line))
            reporter.trace(line)
    if failure:
        said = "".join(f"\n  {line}" for line in last_lines)
        raise ImageError(f"image {tag} cannot be built: {failure}{said}", hint)


def _shortened(line: str) -> str:
    words = " ".join(line.split())
    return words if len(words) <= _LONGEST_STEP else words[: _LONGEST_STEP - 1] + "…"


def _read_ca_bundle(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"container.ca_bundle: {path} cannot be read: {error.strerror}", "check the path") from error
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ConfigError(f"container.ca_bundle: {path} holds no certificate in PEM form", "name a PEM file")
    return content


def free_bytes(engine: Engine) -> int | None:
    """The free space where the engine keeps its data; None where that is not on this machine."""
    with engine_errors("the engine cannot be asked for its folder", EngineError):
        info = engine.client.info()
    folder = Path(info.get("DockerRootDir") or "")
    if not engine.shares_network() or not folder.is_absolute() or not folder.exists():
        return None
    return shutil.disk_usage(folder).free


def check_disk(free: int | None) -> None:
    """Raises ImageError below 3 GB (an image and its intermediate steps need about half of that); None is no answer."""
    if free is not None and free < LEAST_FREE_BYTES:
        raise ImageError(
            f"{free / 1e9:.1f} GB are free where the Docker engine keeps its data; a build needs "
            f"{LEAST_FREE_BYTES / 1e9:.0f} GB",
            "`docker system df` says what takes the space; `docker image prune` removes images without a name, "
            "`lgbm-sm cleanup` this project's",
        )
