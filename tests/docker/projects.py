"""Projects that run in containers, and their resources in Docker."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
from docker.models.containers import Container

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer


def new_project(
    engine: docker.DockerClient, base_image: str, session: str, folder: Path, server: ForkServer
) -> Iterator[CommandLine]:
    """Yield a command line in a new project with `local.backend: docker`.

    At the end, cleanup must leave nothing.
    """
    command_line = ForkedCommandLine(
        folder,
        {
            "LGBM_SM_LOCAL__BACKEND": "docker",
            "LGBM_SM_CONTAINER__BASE_IMAGE": base_image,
            "LGBM_SM_PROJECT__NAME": f"test-{session}-{uuid.uuid4().hex[:6]}",
        },
        server=server,
    )
    yield command_line
    command_line("cleanup", "--yes")
    assert ours(engine, command_line) == []
    assert networks_of(engine, command_line) == []
    assert engine.images.list(command_line.environment["LGBM_SM_PROJECT__NAME"]) == []


def containers_of(engine: docker.DockerClient, lgbm_sm: CommandLine) -> list[Container]:
    label = f"lgbm-sm.project={lgbm_sm.environment['LGBM_SM_PROJECT__NAME']}"
    return engine.containers.list(all=True, filters={"label": label}, ignore_removed=True)


def ours(engine: docker.DockerClient, lgbm_sm: CommandLine) -> list[str]:
    return [str(container.name) for container in containers_of(engine, lgbm_sm)]


def networks_of(engine: docker.DockerClient, lgbm_sm: CommandLine) -> list[str]:
    label = f"lgbm-sm.project={lgbm_sm.environment['LGBM_SM_PROJECT__NAME']}"
    return [str(network.name) for network in engine.networks.list(filters={"label": label})]


def items(lgbm_sm: CommandLine, kind: str) -> list[dict[str, str]]:
    everything = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    return [item for item in everything if item["kind"] == kind]
