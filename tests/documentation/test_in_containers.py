"""The pages' commands in containers and on SageMaker, with Docker and the emulated AWS.

A local stand-in replaces AWS's XGBoost image, which is only available from AWS.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cloud.emulator import Emulator
from tests.docker.projects import items, new_project
from tests.docker.xgboost_stand_in import WHEELS, build_image
from tests.documentation.pages import CHECKOUT, blocks_of
from tests.documentation.walk import walk

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]
XGBOOST_VERSION = "1.5-1"  # the default


@pytest.fixture
def project(
    aws: Emulator,
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    toolkit_image: str,
    docker_session: str,
    fork_server: ForkServer,
    tmp_path: Path,
) -> Iterator[CommandLine]:
    """A project with prepared data. The page has its configuration."""
    name = f"test-{docker_session}-{uuid.uuid4().hex[:6]}"
    command_line = ForkedCommandLine(
        tmp_path,
        {
            **aws.environment(),
            "HOME": str(tmp_path),
            "LGBM_SM_PROJECT__NAME": name,
            "LGBM_SM_CONTAINER__REPOSITORY": f"{name}-images",
            "LGBM_SM_CONTAINER__BASE_IMAGE": base_image,
            "LGBM_SM_LOCAL__BACKEND": "auto",
            # tests/verify sees to that
            "LGBM_SM_ENDPOINT__VERIFY": "false",
        },
        server=fork_server,
    )
    command_line("prepare-data")
    yield command_line
    command_line("cleanup", "--yes", "--logs", "--aws")


@pytest.mark.xdist_group("cloud")
def test_the_commands_of_the_tutorial_and_of_costs_end_well(
    project: CommandLine, fork_server: ForkServer, aws: Emulator
) -> None:
    for page, least in (("tutorial.md", 20), ("costs.md", 1)):
        blocks = blocks_of(CHECKOUT / "docs" / page)
        assert walk(blocks, {"docker", "cloud"}, project.folder, project.environment, fork_server) > least
    assert aws.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert json.loads(project("status", "--aws", "--output", "json").stdout)["items"] == []


@pytest.mark.xdist_group("script_mode")
def test_the_commands_of_awss_image_end_well(
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    docker_session: str,
    fork_server: ForkServer,
    tmp_path: Path,
) -> None:
    stand_in = build_image(engine, base_image, XGBOOST_VERSION)
    for project in new_project(engine, base_image, docker_session, tmp_path, fork_server):
        project.environment |= {f"LGBM_SM_LOCAL__ENVIRONMENT__{name}": value for name, value in WHEELS.items()}
        project("prepare-data")
        project("train", "--set", "local.backend=process")
        project("build", "--set", "container.pattern=script_mode", "--image", stand_in)
        blocks = blocks_of(CHECKOUT / "docs" / "tutorial.md")
        assert walk(blocks, {"script_mode"}, project.folder, project.environment, fork_server) > 3
        [endpoint] = items(project, "endpoint")
        assert endpoint["image"] == f"{project.environment['LGBM_SM_PROJECT__NAME']}-script-mode:{XGBOOST_VERSION}"
