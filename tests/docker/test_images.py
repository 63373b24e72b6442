"""Build the images for other tests first, while other processes run tests without images."""

from __future__ import annotations

import docker
import pytest

from tests.docker.named_images import is_there
from tests.docker.xgboost_stand_in import VERSIONS, build_image

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("images"), pytest.mark.timeout(1800)]


def test_the_image_of_pattern_a_can_be_built(engine: docker.DockerClient, byoc_image: str) -> None:
    assert is_there(engine, byoc_image)


def test_the_image_of_pattern_b_can_be_built(engine: docker.DockerClient, toolkit_image: str) -> None:
    assert is_there(engine, toolkit_image)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_stand_in_for_aws_image_can_be_built(version: str, engine: docker.DockerClient, base_image: str) -> None:
    assert is_there(engine, build_image(engine, base_image, version))
