"""A project with an image in ECR, for tests of jobs and endpoints."""

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
    """A project with prepared data and a pushed image. `model` is an artifact.

    Its commands are forked from a process with all imports.
    """

    aws: Emulator
    lgbm_sm: ForkedCommandLine
    model: Path

    @property
    def server(self) -> ForkServer:
        """Return the fork server of the commands."""
        assert self.lgbm_sm.server is not None
        return self.lgbm_sm.server

    def of_the_model(self, command: str) -> tuple[str, ...]:
        """Return the options with which a command works without a training."""
        return ("--model", str(self.model)) if command == "deploy" else ()

    def deploy(self, *arguments: str, exit_code: int = 0) -> str:
        """Run `deploy`, and return its output."""
        return self.lgbm_sm("deploy", *self.of_the_model("deploy"), *arguments, exit_code=exit_code).stderr

    def asked(self, service: str, *beginnings: str) -> list[str]:
        """Return the operations of a service that were called and begin with one of these words."""
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
    """The project without faults.

    After the test, one cleanup must delete all that costs money.
    """
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
    """Write inference code of the user. Return the option that selects it."""
    (folder / "inference.py").write_text(textwrap.dedent(text))
    return "--set", f"endpoint.source_dir={folder}"


def when(operation: str, moment: Moment, do: Callable[[], bool | None]) -> Callable[[Call, Moment], None]:
    """Return an observer that calls `do` at the first call of the operation.

    If `do` returns False, it is called again at a later call.
    """
    done: list[str] = []

    def observe(call: Call, now: Moment) -> None:
        if str(call) == operation and now is moment and not done and do() is not False:
            done.append(operation)

    return observe
