"""A Docker engine, and the images that the tests run.

Where there is no engine the tests are left out, unless LGBM_SM_TEST_DOCKER=required, as in the continuous integration.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import subprocess
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import docker
import pytest
from docker.errors import APIError, DockerException, ImageNotFound

from tests.docker.byoc_image import Containers, build_image

BASE_IMAGE = "debian:trixie-slim"
MAKE_BASE_IMAGE = Path(__file__).parents[2] / "tools" / "make-base-image.sh"


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    with warnings.catch_warnings():
        # docker-py leaves the socket of a connection that failed to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        client = _connected()
        gc.collect()
    if isinstance(client, str):
        _leave_out(f"no Docker engine answers: {client}")
    yield client
    client.close()


def _connected() -> docker.DockerClient | str:
    """The client, or why there is none."""
    try:
        # asks for the engine's version; a build is silent as long as its longest step
        return docker.from_env(timeout=300)
    except DockerException as error:
        return str(error)


@pytest.fixture(scope="session")
def base_image(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tag of the image that ours are built on: present, pulled, or made here."""
    with _one_at_a_time(tmp_path_factory):
        try:
            engine.images.get(BASE_IMAGE)
            return BASE_IMAGE
        except ImageNotFound:
            pass
        try:
            engine.images.pull(BASE_IMAGE)
            return BASE_IMAGE
        except APIError as error:
            reason = f"{BASE_IMAGE} cannot be pulled ({error.explanation})"
        if os.getuid() != 0 or shutil.which("debootstrap") is None:
            _leave_out(f"{reason}, and only root can make it, with debootstrap: sudo sh tools/make-base-image.sh")
        made = subprocess.run(["sh", MAKE_BASE_IMAGE], capture_output=True, text=True, check=False, timeout=600)
        assert made.returncode == 0, f"{reason}, nor made:\n{made.stderr}"
    return BASE_IMAGE


@pytest.fixture(scope="session")
def byoc_image(engine: docker.DockerClient, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tag of pattern A's image, built from the checkout; what has not changed comes from the engine's cache."""
    with _one_at_a_time(tmp_path_factory):
        return build_image(engine, base_image)


@pytest.fixture(scope="session")
def docker_session() -> str:
    """What every container that this process starts has as its label `lgbm-sm.test`."""
    return uuid.uuid4().hex


@pytest.fixture
def containers(engine: docker.DockerClient, byoc_image: str, docker_session: str) -> Iterator[Containers]:
    """Starts containers of pattern A's image, and removes them when the test has ended."""
    containers = Containers(engine, byoc_image, docker_session)
    yield containers
    containers.remove_all()


@contextmanager
def _one_at_a_time(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    # the folder above is shared by the processes that the tests are spread over
    with (tmp_path_factory.getbasetemp().parent / "docker-images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _leave_out(reason: str) -> NoReturn:
    if os.environ.get("LGBM_SM_TEST_DOCKER") == "required":
        pytest.fail(f"{reason}; LGBM_SM_TEST_DOCKER=required allows no test to be left out", pytrace=False)
    pytest.skip(reason)
