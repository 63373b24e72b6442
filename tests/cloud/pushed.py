"""A project whose image is in ECR: what tests of jobs and endpoints share, and how they disturb what is going on."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cloud.emulator import Call, Emulator, Moment
from tests.cloud.projects import PUSHED, billed, cloud_project, empty, result


@dataclass(frozen=True)
class Project:
    """Data are prepared, the image is pushed, and `model` is an artifact that was made here. Commands are forked."""

    aws: Emulator
    lgbm_sm: ForkedCommandLine
    model: Path

    @property
    def server(self) -> ForkServer:
        """What the commands are forked from."""
        assert self.lgbm_sm.server is not None
        return self.lgbm_sm.server

    def of_the_model(self, command: str) -> tuple[str, ...]:
        """The options that a command needs where nothing was trained."""
        return ("--model", str(self.model)) if command == "deploy" else ()

    def deploy(self, *arguments: str, exit_code: int = 0) -> str:
        """What it says."""
        return self.lgbm_sm("deploy", *self.of_the_model("deploy"), *arguments, exit_code=exit_code).stderr

    def asked(self, service: str, *beginnings: str) -> list[str]:
        """The operations of a service that were asked for, as far as they begin so."""
        return [
            one.call.operation
            for one in self.aws.faults.calls
            if one.call.service == service and one.call.operation.startswith(beginnings)
        ]


@pytest.fixture(scope="module")
def pushed(
    emulator_with_engine: Emulator,
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    docker_session: str,
    fork_server: ForkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    aws = empty(emulator_with_engine)
    folder = tmp_path_factory.mktemp("pushed")
    with cloud_project(aws, engine, base_image, docker_session, folder, server=fork_server) as lgbm_sm:
        lgbm_sm("prepare-data")
        lgbm_sm("build")
        lgbm_sm("push")
        trained = result(lgbm_sm, "train", "--set", "training.instance_type=local")
        model = Path(trained["model_artifact"]).rename(folder / "model.tar.gz")
        lgbm_sm("cleanup", "--yes", *PUSHED)
        yield Project(aws, lgbm_sm, model)


@pytest.fixture
def project(pushed: Project) -> Iterator[Project]:
    """Without a fault; after the test one cleanup has deleted all that costs money."""
    aws = pushed.aws
    aws.times.reset()
    aws.times.phase = 0
    aws.faults.reset()
    yield pushed
    aws.faults.reset()
    aws.quotas.reset()
    pushed.lgbm_sm("cleanup", "--yes", "--adopted", *PUSHED)
    assert billed(aws) == []


def code(folder: Path, text: str) -> tuple[str, str]:
    """The option for inference code of the user's."""
    (folder / "inference.py").write_text(textwrap.dedent(text))
    return "--set", f"endpoint.source_dir={folder}"


def when(operation: str, moment: Moment, do: Callable[[], bool | None]) -> Callable[[Call, Moment], None]:
    """An observer that does it once, at the first such call; at a later one where it answers False."""
    done: list[str] = []

    def observe(call: Call, now: Moment) -> None:
        if str(call) == operation and now is moment and not done and do() is not False:
            done.append(operation)

    return observe
