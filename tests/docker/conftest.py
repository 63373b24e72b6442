"""Docker, and the images that the tests run.

Without Docker, these tests are skipped. With LGBM_SM_TEST_DOCKER=required, as in continuous integration, no test may be
skipped.
"""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import uuid
import warnings
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, DockerException
from docker.models.containers import Container

from lgbm_sm.backends.docker.engine import PROJECT_LABEL
from lgbm_sm.config.sections import Pattern
from tests.docker.byoc_image import Containers
from tests.docker.named_images import is_there, one_at_a_time, pattern_image

BASE_IMAGE = "debian:trixie-slim"
MAKE_BASE_IMAGE = Path(__file__).parents[2] / "tools" / "make-base-image.sh"
TEST_LABEL = "lgbm-sm.test"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("LGBM_SM_TEST_DOCKER") == "required":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}\nLGBM_SM_TEST_DOCKER=required: no test of containers may be left out"
    return report


@pytest.fixture(scope="session")
def docker_session() -> str:
    """The name of this session.

    All resources have it in the label `lgbm-sm.test`, or in a project. The name of such a project is
    `test-<session>-…`.
    """
    return uuid.uuid4().hex[:12]


@pytest.fixture(scope="session")
def engine(docker_session: str) -> Iterator[docker.DockerClient]:
    """The Docker client. At the end, only the named images of this process may remain."""
    with warnings.catch_warnings():
        # docker-py leaves the socket of a connection that failed to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        client = _connected()
        gc.collect()
    if isinstance(client, str):
        pytest.skip(f"no Docker engine answers: {client}")
    yield client
    left = _left_by(client, docker_session)
    client.close()
    assert left == [], "the tests have left this behind"


def _connected() -> docker.DockerClient | str:
    """Return the client, or the reason why there is none."""
    try:
        # asks for the engine's version; a build is silent as long as its longest step
        return docker.from_env(timeout=300)
    except DockerException as error:
        return str(error)


def _left_by(client: docker.DockerClient, session: str) -> list[str]:
    """Return the kind and the id of each remaining resource of the session or its projects."""
    # raw lists: the client's own ask for each item once more, which may be gone by then
    asked = client.api
    found = {
        "container": asked.containers(all=True),
        "network": asked.networks(),
        "volume": asked.volumes()["Volumes"] or [],
        "image": asked.images(),
    }
    return [
        f"{kind} {item.get('Id') or item['Name']}"
        for kind, items in found.items()
        for item in items
        if _belongs_to(session, item["Labels"] or {})
    ]


def _belongs_to(session: str, labels: Mapping[str, str]) -> bool:
    return labels.get(TEST_LABEL) == session or labels.get(PROJECT_LABEL, "").startswith(f"test-{session}-")


@pytest.fixture(scope="session")
def base_image(engine: docker.DockerClient) -> str:
    """The tag of the base image of our images. It exists, is pulled, or is built here."""
    if is_there(engine, BASE_IMAGE):
        return BASE_IMAGE
    with one_at_a_time():
        if is_there(engine, BASE_IMAGE):
            return BASE_IMAGE
        try:
            engine.images.pull(BASE_IMAGE)
            return BASE_IMAGE
        except APIError as error:
            reason = f"{BASE_IMAGE} cannot be pulled ({error.explanation})"
        if os.getuid() != 0 or shutil.which("debootstrap") is None:
            pytest.skip(f"{reason}, and only root can make it, with debootstrap: sudo sh tools/make-base-image.sh")
        made = subprocess.run(["sh", MAKE_BASE_IMAGE], capture_output=True, text=True, check=False, timeout=600)
        assert made.returncode == 0, f"{reason}, nor made:\n{made.stderr}"
    return BASE_IMAGE


@pytest.fixture(scope="session")
def byoc_image(engine: docker.DockerClient, base_image: str) -> str:
    """The name of pattern A's image, built from the current content of the checkout."""
    return pattern_image(engine, Pattern.BYOC, base_image)


@pytest.fixture(scope="session")
def toolkit_image(engine: docker.DockerClient, base_image: str) -> str:
    """The name of pattern B's image, built from the current content of the checkout."""
    return pattern_image(engine, Pattern.INFERENCE_TOOLKIT, base_image)


@pytest.fixture
def containers(engine: docker.DockerClient, byoc_image: str, docker_session: str) -> Iterator[Containers]:
    """Starts containers of pattern A's image, and removes them after the test."""
    containers = Containers(engine, byoc_image, docker_session)
    yield containers
    containers.remove_all()


@pytest.fixture
def bystander(engine: docker.DockerClient, byoc_image: str, docker_session: str) -> Iterator[Container]:
    """A container that does not belong to us, although it runs the same image."""
    labels = {"lgbm-sm.test": docker_session}
    container = engine.containers.create(byoc_image, entrypoint=["sleep", "600"], network_mode="none", labels=labels)
    container.start()
    yield container
    container.remove(force=True)
