"""The images of the tests are built once, kept while they are used, and removed later."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator

import docker
import pytest

from tests.contract.serving import wait_until
from tests.docker.named_images import named_image, remove_images

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

# uses an image until it is told to end
USE = """
import sys
import docker
from tests.docker.test_named_images import image_of
print(image_of(docker.from_env(), sys.argv[1], sys.argv[2], "one"), flush=True)
sys.stdin.read()
"""


def image_of(engine: docker.DockerClient, base_image: str, repository: str, greeting: str) -> str:
    """Build an image of two stages whose content is the greeting."""
    steps = f"""
        ARG BASE_IMAGE
        FROM $BASE_IMAGE
        RUN echo {repository} {greeting} >/greeting
        FROM $BASE_IMAGE
        COPY --from=0 /greeting /
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(steps)
        tar.addfile(member, io.BytesIO(steps.encode()))
    archive.seek(0)
    return named_image(engine, repository, archive, "Dockerfile", {"BASE_IMAGE": base_image})


def names_of(engine: docker.DockerClient, repository: str) -> set[str]:
    return {name for image in engine.images.list(repository) for name in image.tags}


@pytest.fixture
def repository(engine: docker.DockerClient, docker_session: str) -> Iterator[str]:
    repository = f"test-{docker_session}-{uuid.uuid4().hex[:6]}"
    yield repository
    remove_images(engine, repository)
    assert names_of(engine, repository) == set()


def test_an_image_is_built_once_and_its_stage_has_a_name_too(
    engine: docker.DockerClient, base_image: str, repository: str
) -> None:
    name = image_of(engine, base_image, repository, "one")
    made = engine.images.get(name).id
    assert image_of(engine, base_image, repository, "one") == name
    assert engine.images.get(name).id == made
    assert names_of(engine, repository) == {name, f"{name}-stage-1"}


@pytest.mark.timeout(500)
def test_an_older_image_goes_only_when_no_process_uses_it_any_more(
    engine: docker.DockerClient, base_image: str, repository: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", USE, base_image, repository], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdout is not None
        older = user.stdout.readline().strip()
        newer = image_of(engine, base_image, repository, "two")
        assert names_of(engine, repository) == {older, f"{older}-stage-1", newer, f"{newer}-stage-1"}
        user.kill()

    # who finds his image leaves the older ones to the next, where another builds at this moment
    def are_the_newer_ones() -> bool:
        return image_of(engine, base_image, repository, "two") == newer and names_of(engine, repository) == {
            *(newer, f"{newer}-stage-1")
        }

    wait_until(are_the_newer_ones, seconds=400)
