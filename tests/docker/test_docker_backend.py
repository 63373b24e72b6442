"""The commands with a real engine: the same life and the same predictions as with a process, and nothing left."""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from tests.cli.conftest import CommandLine

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("docker-backend")]


@pytest.fixture
def lgbm_sm(engine: docker.DockerClient, base_image: str, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line under `local.backend: docker`, in a project of its own; cleanup leaves nothing of it."""
    command_line = CommandLine(
        tmp_path,
        {
            "LGBM_SM_LOCAL__BACKEND": "docker",
            "LGBM_SM_CONTAINER__BASE_IMAGE": base_image,
            "LGBM_SM_PROJECT__NAME": f"test-{uuid.uuid4().hex[:8]}",
        },
    )
    yield command_line
    command_line("cleanup", "--yes")
    assert ours(engine, command_line) == []
    assert engine.images.list(command_line.environment["LGBM_SM_PROJECT__NAME"]) == []


def ours(engine: docker.DockerClient, lgbm_sm: CommandLine) -> list[str]:
    label = f"lgbm-sm.project={lgbm_sm.environment['LGBM_SM_PROJECT__NAME']}"
    return [str(container.name) for container in engine.containers.list(all=True, filters={"label": label})]


def items(lgbm_sm: CommandLine, kind: str) -> list[dict[str, str]]:
    everything = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    return [item for item in everything if item["kind"] == kind]


@pytest.fixture
def bystander(engine: docker.DockerClient, byoc_image: str) -> Iterator[Container]:
    """A container that has nothing to do with us, though it runs the same program's image."""
    container = engine.containers.run(byoc_image, entrypoint=["sleep", "600"], detach=True, network_mode="none")
    yield container
    container.remove(force=True)


def test_run_predicts_bit_for_bit_the_same_in_containers_and_in_processes(
    engine: docker.DockerClient, lgbm_sm: CommandLine, bystander: Container
) -> None:
    in_containers = lgbm_sm("run")
    in_processes = lgbm_sm("run", "--set", "local.backend=process")
    assert len(in_containers.stdout.splitlines()) == 102
    assert in_containers.stdout == in_processes.stdout
    assert ours(engine, lgbm_sm) == []
    bystander.reload()
    assert bystander.status == "running"


def test_a_model_is_served_by_a_container_and_by_a_process_when_either_trained_it(
    engine: docker.DockerClient, lgbm_sm: CommandLine
) -> None:
    lgbm_sm("prepare-data")
    assert not json.loads(lgbm_sm("build", "--output", "json").stdout)["images"][0]["unchanged"]
    assert json.loads(lgbm_sm("build", "--output", "json").stdout)["images"][0]["unchanged"]
    answers = set()
    for trained, served in (("process", "docker"), ("docker", "process")):
        lgbm_sm("train", "--set", f"local.backend={trained}")
        lgbm_sm("deploy", "--set", f"local.backend={served}")
        [endpoint] = items(lgbm_sm, "endpoint")
        assert (endpoint["place"], endpoint["state"]) == (served, "InService")
        answers.add(lgbm_sm("predict").stdout)
        assert "serving" in lgbm_sm("logs").stdout
    assert len(answers) == 1
    assert len(ours(engine, lgbm_sm)) == 0


def test_cleanup_clears_the_container_when_train_was_killed(engine: docker.DockerClient, lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    lgbm_sm("build")
    rounds = "training.hyperparameters.num_boost_round=1000000"
    no_stopping = "training.hyperparameters.early_stopping_round=0"
    command = lgbm_sm.start("train", "--set", rounds, "--set", no_stopping)
    deadline = time.monotonic() + 60
    while not ours(engine, lgbm_sm):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    command.send_signal(signal.SIGKILL)
    command.communicate()
    assert [item["state"] for item in items(lgbm_sm, "training_job")] == ["InProgress"]
    assert lgbm_sm("cleanup", "--yes", "--keep", "images").returncode == 0
    assert ours(engine, lgbm_sm) == []


def test_training_says_what_is_missing_when_there_is_no_image_or_no_engine(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    assert "run `lgbm-sm build` first" in lgbm_sm("train", exit_code=5).stderr
    lgbm_sm.environment["DOCKER_HOST"] = "unix:///no/such/engine.sock"
    try:
        assert "no Docker engine answers" in lgbm_sm("train", exit_code=5).stderr
    finally:
        del lgbm_sm.environment["DOCKER_HOST"]
