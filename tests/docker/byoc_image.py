"""Start and watch the image of pattern A."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container
from docker.types import Mount

from tests.contract.serving import Endpoint, wait_until

# A container that has not ended so long after SIGTERM is killed, and its exit code is 137.
STOP_SECONDS = 10


@dataclass
class ContainerEndpoint(Endpoint):
    """The endpoint of a container.

    Its workers are the processes that Docker sees in the container.
    """

    container: Container | None = None
    _seen: list[list[str]] = field(default_factory=list)

    def remember_workers(self) -> None:
        self._seen = self._processes()

    def workers_are_the_same(self) -> bool:
        return self._seen == self._processes()

    def _processes(self) -> list[list[str]]:
        assert self.container is not None
        processes: list[list[str]] = self.container.top(ps_args="-eo pid,ppid")["Processes"]
        return sorted(processes)


@dataclass
class Started:
    """A started container."""

    container: Container
    _endpoints: list[Endpoint] = field(default_factory=list)

    @property
    def log(self) -> str:
        text: bytes = self.container.logs()
        return text.decode(errors="replace")

    def wait_for_log(self, text: str) -> None:
        wait_until(lambda: text in self.log or self.has_ended(), 60)
        assert text in self.log, self.log

    def wait_for_program(self) -> None:
        """Wait until process 1 is the image's Python.

        Docker reports the start of a container some milliseconds earlier. Until then, process 1 is Docker's own
        program, which ignores signals.
        """
        wait_until(lambda: any(args.startswith("python3 ") for _, args in self._processes()))

    def _processes(self) -> list[list[str]]:
        processes: list[list[str]] = self.container.top(ps_args="-eo pid,args")["Processes"]
        return processes

    def has_ended(self) -> bool:
        self.container.reload()
        return self.container.status == "exited"

    def wait_for_end(self, seconds: float = 100) -> int:
        """Wait until the container ends. Return the exit code."""
        code: int = self.container.wait(timeout=seconds)["StatusCode"]
        return code

    def endpoint(self, port: int = 8080) -> ContainerEndpoint:
        """Wait until all workers serve. Return the endpoint.

        `port` is the port in the container. The endpoint has the port of this machine that it is published on.
        """
        self.wait_for_log(" serving ")
        self.container.reload()
        published = self.container.attrs["NetworkSettings"]["Ports"][f"{port}/tcp"][0]["HostPort"]
        endpoint = ContainerEndpoint("127.0.0.1", int(published), [], container=self.container)
        endpoint.remember_workers()
        self._endpoints.append(endpoint)
        return endpoint

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM. Return the exit code and the seconds until the end."""
        began = time.monotonic()
        self.container.stop(timeout=STOP_SECONDS)
        seconds = time.monotonic() - began
        return self.wait_for_end(), seconds

    def run(self, *command: str) -> tuple[int, str]:
        """Run another process in the container. Return its exit code and its output."""
        code, output = self.container.exec_run(list(command))
        assert code is not None
        assert isinstance(output, bytes)
        return code, output.decode(errors="replace")

    def hang_up(self) -> None:
        for endpoint in self._endpoints:
            endpoint.hang_up()


@dataclass
class Containers:
    """Starts containers of one image, all with one label, and removes them."""

    engine: docker.DockerClient
    image: str
    session: str
    _started: list[Started] = field(default_factory=list)
    _written: list[Path] = field(default_factory=list)

    def start(self, *command: str, **options: Any) -> Started:
        """Start a container. `options` are docker-py's options."""
        container = self.engine.containers.create(
            command=list(command), labels={"lgbm-sm.test": self.session}, **{"image": self.image, **options}
        )
        started = Started(container)
        self._started.append(started)
        container.start()
        return started

    def train(self, root: Path, **options: Any) -> Started:
        """Train as SageMaker does, with a folder that is laid out like /opt/ml."""
        self._written.append(root)
        return self.start("train", mounts=[Mount("/opt/ml", str(root), type="bind")], **options)

    def serve(
        self,
        model_path: Path,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = ("serve",),
        **options: Any,
    ) -> Started:
        """Serve as SageMaker does, but with a read-only root file system."""
        settings: dict[str, Any] = {"ports": {"8080/tcp": ("127.0.0.1", None)}, "read_only": True, **options}
        mounts = [Mount("/opt/ml/model", str(model_path), type="bind", read_only=True)]
        return self.start(*command, mounts=mounts, environment=dict(environment or {}), **settings)

    def remove_all(self) -> None:
        """Remove the containers.

        The files that they have written become the caller's own, because the caller could not delete them otherwise.
        """
        for root in self._written if os.getuid() != 0 else []:
            owner = f"{os.getuid()}:{os.getgid()}"
            given = self.start(
                *("-R", owner, "/opt/ml"), entrypoint="chown", mounts=[Mount("/opt/ml", str(root), type="bind")]
            )
            assert given.wait_for_end() == 0
        self._written.clear()
        while self._started:
            started = self._started.pop()
            started.hang_up()
            started.container.remove(force=True, v=True)
