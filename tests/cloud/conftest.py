"""The emulated AWS.

One emulator serves all tests, and each test begins with an empty account.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.cloud.built import built, built_once  # noqa: F401 - fixtures
from tests.cloud.emulator import Emulator
from tests.cloud.pushed import project, pushed  # noqa: F401 - fixtures
from tests.cloud.registry_image import running_registry
from tests.cloud.roles import make_role
from tests.docker.conftest import (  # noqa: F401 - fixtures
    base_image,
    byoc_image,
    docker_session,
    engine,
    pytest_runtest_makereport,
    toolkit_image,
)


@pytest.fixture(scope="session")
def emulator_without_engine() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def emulator_with_engine(engine: docker.DockerClient, base_image: str, docker_session: str) -> Iterator[Emulator]:  # noqa: F811
    with (
        running_registry(engine, base_image, docker_session) as registry,
        Emulator(engine, registry, docker_session) as emulator,
    ):
        yield emulator


@pytest.fixture
def aws_without_engine(emulator_without_engine: Emulator) -> Emulator:
    """S3, IAM, STS, Service Quotas and CloudWatch Logs. Jobs and endpoints cannot run."""
    emulator_without_engine.reset()
    make_role(emulator_without_engine)
    emulator_without_engine.faults.reset()
    return emulator_without_engine


@pytest.fixture
def aws(emulator_with_engine: Emulator) -> Emulator:
    """All emulated services."""
    emulator_with_engine.reset()
    make_role(emulator_with_engine)
    emulator_with_engine.faults.reset()
    return emulator_with_engine


@pytest.hookimpl(tryfirst=True)  # pytest-xdist's own reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of a module in one process, to build and push its image only once."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group(f"cloud {item.path.stem}"))
