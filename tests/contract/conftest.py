from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.contract.models import REGRESSION, Model, train_models, write_artifact
from tests.contract.serving import Endpoint, Server, start_server

Start = Callable[..., Server]


@pytest.fixture(scope="session")
def models() -> Mapping[str, Model]:
    return train_models()


@pytest.fixture(scope="session")
def roots(models: Mapping[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Map the name of each model to a folder like /opt/ml."""
    roots = {name: tmp_path_factory.mktemp(name) for name in models}
    for name, model in models.items():
        write_artifact(model, roots[name] / "model")
    return roots


@pytest.fixture(scope="session")
def servers(roots: Mapping[str, Path]) -> Iterator[Mapping[str, Server]]:
    servers = {name: start_server(root) for name, root in roots.items()}
    yield servers
    for server in servers.values():
        server.process.terminate()
    for server in servers.values():
        server.close()
    # a bug may hide behind a status that is right
    for server in servers.values():
        assert server.process.returncode == 0
        assert "Traceback" not in server.log
        assert "unexpected error" not in server.log
        assert "takes its place" not in server.log


@pytest.fixture(scope="session")
def endpoints(servers: Mapping[str, Server]) -> Iterator[Mapping[str, Endpoint]]:
    """Map the name of each model to its endpoint.

    Tests of requests need nothing else of a server.
    """
    endpoints = {name: server.endpoint() for name, server in servers.items()}
    yield endpoints
    for endpoint in endpoints.values():
        endpoint.hang_up()


@pytest.fixture
def start(tmp_path: Path, roots: Mapping[str, Path]) -> Iterator[Start]:
    """Start servers of the regression model, each in its own folder, and end them."""
    servers: list[Server] = []

    def start_one(workers: int = 2, environment: Mapping[str, str] | None = None) -> Server:
        root = tmp_path / f"server-{len(servers)}"
        root.mkdir()
        (root / "model").symlink_to(roots[REGRESSION] / "model")
        servers.append(start_server(root, workers, environment))
        return servers[-1]

    yield start_one
    for server in servers:
        server.close()
