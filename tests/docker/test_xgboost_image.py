"""The image that serves for pattern C: pulled without storing the password, or local."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from lgbm_sm.backends.docker.build_context import xgboost_tag
from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.backends.docker.images import delete_image, find_image
from lgbm_sm.config.sections import Config, ContainerSection, Pattern, ProjectSection
from lgbm_sm.errors import ImageError
from lgbm_sm.images.xgboost import provide, pull
from lgbm_sm.progress import Reporter
from lgbm_sm.record.record import Record
from lgbm_sm.workspace import Workspace
from tests.cli.conftest import CommandLine
from tests.cloud.registry_image import LOGIN, running_registry
from tests.workspaces import make_workspace

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("xgboost_image"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def registry(engine: docker.DockerClient, base_image: str, docker_session: str) -> Iterator[str]:
    """Run a registry that requires a password. Yield its host and port on this machine."""
    with running_registry(engine, base_image, docker_session) as address:
        yield address


@dataclass(frozen=True)
class Provider:
    """Provides the image for a workspace."""

    workspace: Workspace

    @property
    def config(self) -> Config:
        return self.workspace.config

    @property
    def record(self) -> Record:
        return self.workspace.record

    @property
    def engine(self) -> Engine:
        return self.workspace.engine

    @property
    def reporter(self) -> Reporter:
        return self.workspace.reporter

    def provide(self, image: str | None = None) -> str:
        return provide(self.workspace, image=image).image_id


@pytest.fixture
def provider(engine: docker.DockerClient, docker_session: str, tmp_path: Path) -> Iterator[Provider]:
    config = Config(
        project=ProjectSection(name=f"test-{docker_session}-{uuid.uuid4().hex[:6]}"),
        container=ContainerSection(pattern=Pattern.SCRIPT_MODE),
    )
    provider = Provider(make_workspace(tmp_path, config))
    yield provider
    for entry in provider.record.images():
        delete_image(entry, provider.record, provider.engine)
    assert engine.images.list(config.project.name) == []
    provider.engine.client.close()


@pytest.fixture
def small_image(engine: docker.DockerClient, base_image: str) -> Iterator[str]:
    """A new tag for a local image."""
    name = f"lgbm-sm-test-small-{uuid.uuid4().hex[:8]}:1"
    engine.images.get(base_image).tag(*name.split(":"))
    yield name
    engine.images.remove(name)


def test_an_image_of_the_engines_gets_the_projects_tag_and_cleanup_takes_only_that(
    engine: docker.DockerClient, provider: Provider, small_image: str
) -> None:
    image_id = provider.provide(small_image)
    assert engine.images.get(xgboost_tag(provider.config)).id == image_id == engine.images.get(small_image).id
    assert provider.provide() == image_id  # nobody is called: the tag is there
    [entry] = provider.record.images()
    assert find_image(entry, provider.engine)
    assert delete_image(entry, provider.record, provider.engine) == []
    assert engine.images.get(small_image).id == image_id
    with pytest.raises(ImageNotFound):
        engine.images.get(xgboost_tag(provider.config))


def test_it_is_said_when_the_engine_does_not_hold_the_image(provider: Provider) -> None:
    with pytest.raises(ImageError, match="--image no-such-image:1: Docker has no such image"):
        provider.provide("no-such-image:1")
    assert provider.record.images() == ()


def test_an_image_is_pulled_with_the_password_that_is_passed(
    engine: docker.DockerClient, registry: str, small_image: str, provider: Provider
) -> None:
    uri = f"{registry}/sagemaker-xgboost:1.5-1"
    engine.images.get(small_image).tag(*uri.rsplit(":", 1))
    pushed = engine.images.push(uri, auth_config=LOGIN)
    assert "error" not in str(pushed)
    engine.images.remove(uri)
    pull(uri, LOGIN, provider.engine, provider.reporter)
    assert engine.images.get(uri).id == engine.images.get(small_image).id
    engine.images.remove(uri)
    # the engine has kept nothing of it
    with pytest.raises(APIError, match="no basic auth credentials"):
        engine.images.pull(uri)


@pytest.mark.parametrize("login", [LOGIN, {"username": "AWS", "password": "expired"}], ids=["missing", "refused"])
def test_the_registrys_words_are_given_when_a_pull_fails(
    login: dict[str, str], registry: str, provider: Provider
) -> None:
    with pytest.raises(ImageError, match=f"image {registry}/nothing:1 cannot be pulled: ") as caught:
        pull(f"{registry}/nothing:1", login, provider.engine, provider.reporter)
    assert "ecr:BatchGetImage" in caught.value.hint


def test_another_pattern_takes_no_image(tmp_path: Path) -> None:
    refused = CommandLine(tmp_path)("build", "--image", "debian:trixie-slim", exit_code=2)
    assert "pattern byoc builds its own image" in refused.stderr
