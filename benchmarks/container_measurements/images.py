"""Measure the sizes of the images and the times of their builds."""

import io
import tarfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.container_measurements.figures import CHAIN, Figures
from benchmarks.container_measurements.limits import at_most
from benchmarks.container_measurements.project import NAME, Project, repository
from lgbm_sm.backends.docker.build_context import BASE_IMAGE_ARGUMENT, ImageRecipe, image_recipe
from lgbm_sm.backends.docker.engine import CONTEXT_LABEL, PROJECT_LABEL, engine_errors
from lgbm_sm.backends.docker.images import remove_replaced
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import ImageError
from lgbm_sm.images import build
from lgbm_sm.model.code import model_code
from lgbm_sm.record.entries import Image, Place

SUBJECTS = {Pattern.BYOC: "A, byoc", Pattern.INFERENCE_TOOLKIT: "B, inference_toolkit"}
_CHAIN_FOLDER = Path(__file__).parents[1] / "notebook_chain"
_CHAIN_CONTEXT = "baseline"
_BUILD_SECONDS = 1800


def build_missing(project: Project) -> dict[str, str]:
    """Build the images that Docker does not have. Map each subject to the name of its image."""
    tags = {subject: _build_pattern(project, recipe(project, pattern)) for pattern, subject in SUBJECTS.items()}
    return {**tags, CHAIN: _build_chain(project)}


def measure_sizes(project: Project, tags: dict[str, str], figures: Figures) -> None:
    """Measure the size of each image, and of the code that pattern C adds to AWS's image."""
    for subject, tag in tags.items():
        with engine_errors(f"image {tag} cannot be inspected", ImageError):
            size = project.engine.client.images.get(tag).attrs["Size"]
        figures.add("size", "MB", subject, size / 1e6)
    workspace = project.workspaces[Pattern.SCRIPT_MODE]
    if (workspace.containers_path / Pattern.SCRIPT_MODE).is_dir():
        code = model_code(workspace.config, project.folder, workspace.containers_path, in_container=True)
        figures.add("code in the model's archive", "kB", "C, script_mode", _packed_size(code.files) / 1e3)


def _packed_size(files: Mapping[str, Path | str]) -> int:
    """Return the size of a tar.gz with these files, in bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            data = content.read_bytes() if isinstance(content, Path) else content.encode()
            member = tarfile.TarInfo(f"code/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getbuffer().nbytes


def measure_first_build(project: Project, figures: Figures) -> None:
    """Measure builds without Docker's cache. The base image already exists."""
    for pattern, subject in SUBJECTS.items():
        started_at = time.monotonic()
        _build_pattern(project, recipe(project, pattern), no_cache=True)
        figures.add("first build", "s", subject, time.monotonic() - started_at)
    started_at = time.monotonic()
    _build_chain(project, no_cache=True)
    figures.add("first build", "s", CHAIN, time.monotonic() - started_at)


def measure_cached_builds(project: Project, figures: Figures) -> None:
    """Measure builds of unchanged images.

    `lgbm-sm build` finds such an image by its tag. The other measurement uses Docker's cache.
    """
    by_tag, by_cache = "unchanged build, found by its tag", "unchanged build, by the engine's cache"
    for pattern, subject in SUBJECTS.items():
        wanted = recipe(project, pattern)
        started_at = time.monotonic()
        _build_pattern(project, wanted)
        figures.add(by_tag, "s", subject, time.monotonic() - started_at)

        # another name, so that the image is not found by its tag
        started_at = time.monotonic()
        tag = _build_pattern(project, replace(wanted, repository=f"{wanted.repository}-again"))
        figures.add(by_cache, "s", subject, time.monotonic() - started_at)
        with engine_errors(f"image {tag} cannot be removed", ImageError):
            project.engine.client.images.remove(tag)
    started_at = time.monotonic()
    _build_chain(project)
    figures.add(by_cache, "s", CHAIN, time.monotonic() - started_at)

    started_at = time.monotonic()
    project.command("build")
    figures.add("`lgbm-sm build`, unchanged", "s", "A, byoc", time.monotonic() - started_at)


def recipe(project: Project, pattern: Pattern) -> ImageRecipe:
    """Return the recipe of the image that `lgbm-sm build` would build."""
    workspace = project.workspaces[pattern]
    return image_recipe(workspace.config, pattern, workspace.containers_path, project.engine.platform)


def _build_pattern(project: Project, wanted: ImageRecipe, *, no_cache: bool = False) -> str:
    with at_most(_BUILD_SECONDS, f"the build of {wanted.dockerfile}"):
        built = build.build(wanted, project.workspaces[wanted.pattern], no_cache=no_cache)
    return built.tag


def _build_chain(project: Project, *, no_cache: bool = False) -> str:
    tag = f"{repository(CHAIN)}:{_CHAIN_CONTEXT}"
    entry = Image(name=tag, project=NAME, place=Place.DOCKER, created_at=datetime.now(UTC), pattern="notebook_chain")
    project.record.add(entry)
    base_image = project.config.container.base_image
    with (
        at_most(_BUILD_SECONDS, "the build of the notebook chain"),
        engine_errors(f"image {tag} cannot be built", ImageError),
    ):
        events = project.engine.client.api.build(
            path=str(_CHAIN_FOLDER),
            tag=tag,
            buildargs={BASE_IMAGE_ARGUMENT: base_image} if base_image else {},
            labels={PROJECT_LABEL: NAME, CONTEXT_LABEL: _CHAIN_CONTEXT},
            nocache=no_cache,
            rm=True,
            forcerm=True,
            decode=True,
        )
        failures = [event["error"] for event in events if "error" in event]
    if failures:
        raise ImageError(f"image {tag} cannot be built: {failures[0].strip()}")
    remove_replaced(entry, project.engine)
    return tag
