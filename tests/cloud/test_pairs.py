"""The predictions are the same for a job, a process, a local server and an endpoint.

This is true for all three patterns. The suite tries each way once. tests/cloud/test_lifecycle.py tries pattern A's
image. The soak tries all combinations.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import docker
import pytest

from lgbm_sm.images.xgboost import image_uri
from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkServer
from tests.cloud.emulator import REGION, Emulator
from tests.cloud.emulator.containers import archive
from tests.cloud.projects import cloud_project, empty, name_of, numbers, result
from tests.docker.named_images import named_image
from tests.docker.xgboost_stand_in import IN_SOAK, WHEELS, build_image

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

TRAINED_HERE = ("--set", "training.instance_type=local")
SERVED_HERE = ("--set", "endpoint.instance_type=local")
SUITE = {
    ("byoc", "here", "endpoint"),
    ("byoc", "job", "here"),
    ("inference_toolkit", "job", "endpoint"),
    ("script_mode 1.5-1", "job", "endpoint"),
}
CASES = [
    pytest.param(*way, marks=() if way in SUITE else IN_SOAK)
    for way in itertools.product(
        ("byoc", "inference_toolkit", "script_mode 1.5-1", "script_mode 3.0-5"), ("here", "job"), ("here", "endpoint")
    )
]


@dataclass(frozen=True)
class Trained:
    """A project with the artifacts of a job and of a process.

    `expected` has the predictions of a process with the second artifact.
    """

    lgbm_sm: CommandLine
    artifacts: dict[str, str]
    expected: list[float]


def offline_stand_in(engine: docker.DockerClient, base_image: str, version: str) -> str:
    """Build the stand-in for AWS's image.

    Its pip installs the wheels in the image, without a network.
    """
    settings = " ".join(f"{name}={value}" for name, value in WHEELS.items())
    dockerfile = f"ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\nENV {settings}\n".encode()
    context = io.BytesIO(archive({"Dockerfile": dockerfile}, at=0))
    stand_in = {"BASE_IMAGE": build_image(engine, base_image, version)}
    return named_image(engine, f"lgbm-sm-test-xgboost-{version}-offline", context, "Dockerfile", stand_in)


@pytest.fixture(scope="module")
def trained(
    emulator_with_engine: Emulator,
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    toolkit_image: str,
    docker_session: str,
    fork_server: ForkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Trained]:
    """Train with pattern A's image, for all three patterns."""
    aws = empty(emulator_with_engine)
    folder = tmp_path_factory.mktemp("pairs")
    with cloud_project(aws, engine, base_image, docker_session, folder, server=fork_server) as lgbm_sm:
        lgbm_sm("prepare-data")
        lgbm_sm("build")
        lgbm_sm("push")
        here = result(lgbm_sm, "train", *TRAINED_HERE)
        lgbm_sm("deploy", *SERVED_HERE)
        expected = numbers(lgbm_sm("predict", *SERVED_HERE).stdout)
        job = result(lgbm_sm, "train")
        artifacts = {"here": here["training_job"], "job": job["training_job"]}
        yield Trained(lgbm_sm, artifacts, expected)


@pytest.fixture(scope="module")
def pattern(
    request: pytest.FixtureRequest,
    trained: Trained,
    emulator_with_engine: Emulator,
    engine: docker.DockerClient,
    base_image: str,
) -> Iterator[str]:
    """Select the pattern that serves, and push its image."""
    name, _, version = request.param.partition(" ")
    lgbm_sm = trained.lgbm_sm
    before = dict(lgbm_sm.environment)
    lgbm_sm.environment["LGBM_SM_CONTAINER__PATTERN"] = name
    if version:
        lgbm_sm.environment["LGBM_SM_CONTAINER__XGBOOST_VERSION"] = version
        emulator_with_engine.images.provided[image_uri(version, REGION)] = offline_stand_in(engine, base_image, version)
    if name == "inference_toolkit":
        lgbm_sm.environment["LGBM_SM_CONTAINER__REPOSITORY"] = f"{name_of(lgbm_sm)}-toolkit"
        lgbm_sm("build")
        lgbm_sm("push")
    yield name
    lgbm_sm.environment = before


@pytest.mark.parametrize(("pattern", "artifact", "served"), CASES, indirect=["pattern"], scope="module")
def test_the_predictions_are_the_same_wherever_a_model_is_trained_and_served(
    pattern: str, artifact: str, served: str, trained: Trained
) -> None:
    options = SERVED_HERE if served == "here" else ()
    deployed = result(trained.lgbm_sm, "deploy", "--model", trained.artifacts[artifact], *options)
    assert deployed["endpoint"]["backend"] == ("process" if served == "here" else "aws")
    predictions = numbers(trained.lgbm_sm("predict", *options).stdout)
    assert len(predictions) == 102
    assert predictions == pytest.approx(trained.expected, rel=0, abs=0 if pattern == "byoc" else 1e-12)
