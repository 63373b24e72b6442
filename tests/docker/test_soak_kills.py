"""The same as tests/soak/test_kills.py, but everything runs in containers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import docker
import pytest

from tests.cli.forked import ForkServer
from tests.soak.trial import LAYOUTS, Measured, Trial, measure
from tests.soak.user import User

DOCKER_KILLS = 60
BUILD = (("build",),)

pytestmark = [pytest.mark.soak("files"), pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="session")
def new_user(
    engine: docker.DockerClient, base_image: str, byoc_image: str, docker_session: str, fork_server: ForkServer
) -> Callable[[Path, str], User]:
    """Create a user whose commands start containers.

    `byoc_image` is built before, so that builds are fast.
    """

    def make(folder: Path, name: str) -> User:
        environment = {"LGBM_SM_LOCAL__BACKEND": "docker", "LGBM_SM_CONTAINER__BASE_IMAGE": base_image}
        user = User(folder, f"test-{docker_session}-{name}", fork_server, environment)
        user.elsewhere = lambda: left_in(engine, user)
        user.settle()
        return user

    return make


@pytest.fixture(scope="session")
def measured(new_user: Callable[[Path, str], User], tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """How long each command takes on this machine, in containers."""
    user = new_user(tmp_path_factory.mktemp("measured"), "measured")
    try:
        return measure(user, BUILD)
    finally:
        user.leave()


def left_in(engine: docker.DockerClient, user: User) -> list[str]:
    """Return what is left of the user in Docker.

    These are containers that use folders of the user, and networks and images with the name of the project in their
    names or labels.
    """
    left = [
        f"container {container.name}"
        for container in engine.containers.list(all=True, ignore_removed=True)
        if any(str(user.folder) in mount.get("Source", "") for mount in container.attrs["Mounts"])
    ]
    for network in engine.networks.list():
        labels = network.attrs["Labels"] or {}
        if any(user.name in text or str(user.folder) in text for text in (network.name, *labels.values())):
            left.append(f"network {network.name}")
    left += [
        f"image {image['Id']}"
        for image in engine.api.images()
        if any(user.name in text for text in (*(image["RepoTags"] or ()), *(image["Labels"] or {}).values()))
    ]
    return left


@pytest.mark.parametrize("trial", [f"{number}-{LAYOUTS[number % len(LAYOUTS)]}" for number in range(DOCKER_KILLS)])
def test_nothing_is_lost_and_nothing_left_after_a_kill_in_containers(
    trial: str,
    seed: int,
    measured: Measured,
    engine: docker.DockerClient,
    new_user: Callable[[Path, str], User],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    number, _, layout = trial.partition("-")
    user = new_user(tmp_path / "user", f"{seed}-{number}")
    try:
        kills = Trial(user, Random(f"docker-{seed}-{number}"), measured, BUILD).run(layout)
    finally:
        for container in engine.containers.list(all=True, ignore_removed=True):
            if any(str(user.folder) in mount.get("Source", "") for mount in container.attrs["Mounts"]):
                container.remove(force=True)
        for image in [one.removeprefix("image ") for one in left_in(engine, user) if one.startswith("image ")]:
            engine.images.remove(image, force=True)
        user.leave()
    record_property("kills", kills)
    record_property(layout, 1)
