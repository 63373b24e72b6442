"""The images of the tests: named by their content, built once, removed when unused.

Several processes and several checkouts may share one Docker. A name is `<repository>:<digest of the content>`, so they
do not overwrite each other's images. A process that uses an image holds a lock on its name until the process ends.

The classic builder keeps the stages of a build without a name. Here the stages get names, so that they are removed
together with their image.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from docker.errors import APIError, ImageNotFound

from lgbm_sm.backends.docker.build_context import ImageRecipe, context_archive
from lgbm_sm.config.sections import Pattern

CONTEXT = Path(__file__).parents[2] / "containers"
# what each image of a test is known by; its value is the repository
IMAGE_LABEL = "lgbm-sm.test-image"

# names that this process uses -> the descriptor that holds the lock
_in_use: dict[str, int] = {}


def pattern_image(
    engine: docker.DockerClient,
    pattern: Pattern,
    base_image: str,
    variant: str = "",
    build_args: Mapping[str, str] | None = None,
    ca_bundle: bytes = b"",
) -> str:
    """Build the image of a pattern as `lgbm-sm build` does, and return its name.

    `variant` is a part of the name of another variant of the image.
    """
    repository = f"lgbm-sm-test-{pattern.replace('_', '-')}{variant and '-'}{variant}"
    version = engine.version()
    platform = f"{version['Os']}/{version['Arch']}"
    recipe = ImageRecipe(CONTEXT, pattern, repository, platform, base_image, build_args or {})
    return named_image(
        engine, repository, context_archive(recipe, ca_bundle), recipe.dockerfile, recipe.all_arguments, platform
    )


def named_image(
    engine: docker.DockerClient,
    repository: str,
    archive: io.BytesIO,
    dockerfile: str,
    build_args: Mapping[str, str],
    platform: str = "",
) -> str:
    """Build the image with the content of the archive if Docker does not have it.

    Return its name. `archive` is a tar with fixed owners and times, because its bytes determine the name. BASE_IMAGE in
    `build_args` is an image in Docker. Older images of the repository are removed, except those that another process
    uses.
    """
    digest = _digest(engine, archive, dockerfile, build_args)
    name = f"{repository}:{digest}"
    _use(name)
    # who finds his image does not wait for the builds of others
    with one_at_a_time(wait=not is_there(engine, name)) as is_alone:
        if is_alone:
            if not is_there(engine, name):
                stages = _build(engine, name, archive, dockerfile, build_args, platform)
                for number, stage in enumerate(stages, 1):
                    engine.images.get(stage).tag(repository, f"{digest}-stage-{number}")
            _remove_unused(engine, repository)
    return name


def is_there(engine: docker.DockerClient, name: str) -> bool:
    """Return whether Docker has an image of this name."""
    try:
        engine.images.get(name)
    except ImageNotFound:
        return False
    return True


@contextmanager
def one_at_a_time(*, wait: bool = True) -> Iterator[bool]:
    """Let only one process of this user run the block. Yield False if another process runs it."""
    descriptor = os.open(_lock_folder() / "build.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _lock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    """Return False if another process has the lock and `kind` does not wait for it."""
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        return False
    return True


def remove_images(engine: docker.DockerClient, repository: str) -> None:
    """Remove all images of the repository, except those that another process uses."""
    with one_at_a_time():
        for name in [name for name in _in_use if name.startswith(f"{repository}:")]:
            os.close(_in_use.pop(name))
        _remove_unused(engine, repository)


def _digest(engine: docker.DockerClient, archive: io.BytesIO, dockerfile: str, build_args: Mapping[str, str]) -> str:
    base = engine.images.get(build_args["BASE_IMAGE"]).id
    described = json.dumps([dockerfile, dict(build_args), base], sort_keys=True)
    return hashlib.sha256(described.encode() + archive.getvalue()).hexdigest()[:12]


def _build(
    engine: docker.DockerClient,
    name: str,
    archive: io.BytesIO,
    dockerfile: str,
    build_args: Mapping[str, str],
    platform: str,
) -> list[str]:
    """Build the image. Return the ids of the earlier stages that have their own steps."""
    said: list[str] = []
    stages: list[str] = []
    last = ""
    for event in engine.api.build(
        fileobj=archive,
        custom_context=True,
        dockerfile=dockerfile,
        tag=name,
        buildargs=dict(build_args),
        labels={IMAGE_LABEL: name.partition(":")[0]},
        platform=platform or None,
        rm=True,
        forcerm=True,
        decode=True,
    ):
        text = str(event.get("stream", ""))
        said.append(text)
        assert "error" not in event, "".join(said)[-3000:] + event["error"]
        if last and re.match(r"Step \d+/\d+ : FROM ", text):
            stages.append(last)
            last = ""
        if made := re.match(r" ---> ([0-9a-f]{12,})\n", text):
            last = made[1]
    base = engine.images.get(build_args["BASE_IMAGE"])
    return [stage for stage in stages if engine.images.get(stage).id != base.id]


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"lgbm-sm-test-images-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _lock_path(name: str) -> Path:
    return _lock_folder() / f"{name.replace(':', '@')}.lock"


def _use(name: str) -> None:
    """Lock the name of an image until this process ends."""
    while name not in _in_use:
        descriptor = os.open(_lock_path(name), os.O_RDWR | os.O_CREAT, 0o600)
        _lock(descriptor, fcntl.LOCK_SH)
        # who removes an image removes this file with it
        if _is_file(descriptor, _lock_path(name)):
            _in_use[name] = descriptor
        else:
            os.close(descriptor)


def _is_file(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _remove_unused(engine: docker.DockerClient, repository: str) -> None:
    names = {str(name) for image in engine.api.images(repository) for name in image["RepoTags"] or ()}
    for name in sorted(names, key=len):  # an image before its stages
        path = _lock_path(name.partition("-stage-")[0] if "-stage-" in name else name)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                with suppress(APIError):  # a container of somebody runs on it
                    engine.images.remove(name)
                path.unlink()
        finally:
            os.close(descriptor)
