"""A project with data and an image that trains and serves on SageMaker.

AWS has no resources yet.
"""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cloud.emulator import Emulator
from tests.cloud.projects import cloud_project, empty


@pytest.fixture(scope="module")
def built_once(
    emulator_with_engine: Emulator,
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    docker_session: str,
    fork_server: ForkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ForkedCommandLine]:
    aws, folder = empty(emulator_with_engine), tmp_path_factory.mktemp("built")
    with cloud_project(aws, engine, base_image, docker_session, folder, server=fork_server) as command_line:
        command_line("prepare-data")
        command_line("build")
        yield command_line


@pytest.fixture
def built(aws: Emulator, built_once: ForkedCommandLine) -> ForkedCommandLine:
    """The built project, in an empty account."""
    built_once.environment.update(aws.environment())
    return built_once
