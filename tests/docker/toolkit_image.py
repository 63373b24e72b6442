"""Build, start and watch the image of pattern B."""

from __future__ import annotations

import functools
import json
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import docker.models.containers

from lgbm_sm.config.sections import Pattern
from tests.contract.cases import LINE
from tests.contract.models import REGRESSION, Model, train_models, write_artifact
from tests.contract.serving import Endpoint, wait_until
from tests.docker.named_images import pattern_image

MODEL_PATH = "/opt/ml/model"
# A container that has not ended so long after SIGTERM is killed, and its exit code is 137.
STOP_SECONDS = 30


@functools.cache
def models() -> Mapping[str, Model]:
    return train_models()


@functools.cache
def build_image(engine: docker.DockerClient, base_image: str, *, bake_lightgbm: bool = True) -> str:
    """Build the image with or without LightGBM. Return its name."""
    if bake_lightgbm:
        return pattern_image(engine, Pattern.INFERENCE_TOOLKIT, base_image)
    return pattern_image(
        engine, Pattern.INFERENCE_TOOLKIT, base_image, "without-lightgbm", build_args={"BAKE_LIGHTGBM": "0"}
    )


def write_model(folder: Path, name: str = REGRESSION, **code: str) -> Path:
    """Write an unpacked model.tar.gz.

    `code` has the text of code/inference.py, and as `requirements` the text of requirements.txt.
    """
    write_artifact(models()[name], folder)
    for key, text in code.items():
        file = folder / "code" / {"inference": "inference.py", "requirements": "requirements.txt"}[key]
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(text))
    return folder


@dataclass
class ContainerEndpoint(Endpoint):
    """The endpoint of a container.

    Its workers are the processes that Docker sees in the container.
    """

    container: docker.models.containers.Container | None = None
    _seen: set[str] = field(default_factory=set)

    def remember_workers(self) -> None:
        self._seen = self._worker_ids()

    def workers_are_the_same(self) -> bool:
        return self._seen == self._worker_ids()

    def _worker_ids(self) -> set[str]:
        assert self.container is not None
        listed = self.container.top(ps_args="-eo pid,args")["Processes"]
        return {pid for pid, arguments in listed if "model_service_worker" in arguments}


@dataclass
class ToolkitContainer:
    """A container that was started with `serve`."""

    container: docker.models.containers.Container
    _endpoints: list[Endpoint] = field(default_factory=list)

    @property
    def log(self) -> str:
        text: bytes = self.container.logs()
        return text.decode(errors="replace")

    def endpoint(self, port: int = 8080) -> ContainerEndpoint:
        """Wait until it answers pings. If the container ends before, fail with its log."""
        self.container.reload()
        published = self.container.attrs["NetworkSettings"]["Ports"][f"{port}/tcp"][0]["HostPort"]
        endpoint = ContainerEndpoint("127.0.0.1", int(published), [], container=self.container)
        self._endpoints.append(endpoint)
        wait_until(lambda: _answers_ping(endpoint) or self.has_ended(), 60)
        assert not self.has_ended(), self.log
        return endpoint

    def hang_up(self) -> None:
        for endpoint in self._endpoints:
            endpoint.hang_up()

    def has_ended(self) -> bool:
        self.container.reload()
        return self.container.status == "exited"

    def wait_for_log(self, text: str, seconds: float = 60) -> None:
        wait_until(lambda: text in self.log or self.has_ended(), seconds)
        assert text in self.log, self.log

    def wait_for_end(self, seconds: float = 60) -> int:
        """Wait until the container ends. Return the exit code."""
        code: int = self.container.wait(timeout=seconds)["StatusCode"]
        return code

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM. Return the exit code and the seconds until the end."""
        began = time.monotonic()
        self.container.stop(timeout=STOP_SECONDS)
        return self.wait_for_end(), time.monotonic() - began

    def run_python(self, program: str) -> tuple[int, str]:
        """Run a program in the container. Return its exit code and its output."""
        code, output = self.container.exec_run(["python", "-c", textwrap.dedent(program)])
        assert code is not None
        assert isinstance(output, bytes)
        return code, output.decode(errors="replace")

    def ask_inside(self) -> tuple[int, str]:
        """Send a request from inside the container.

        Return the exit code and the body of the answer.
        """
        return self.run_python(
            f"""
            from urllib.request import Request, urlopen
            request = Request("http://127.0.0.1:8080/invocations", {LINE!r}, {{"Content-Type": "text/csv"}})
            print(urlopen(request, timeout=20).read().decode(), end="")
            """
        )

    def kill_processes(self, part: str) -> None:
        """Send SIGKILL to each process whose command line contains the text."""
        code, output = self.run_python(
            f"""
            import os, pathlib
            for folder in pathlib.Path("/proc").glob("[0-9]*"):
                pid = int(folder.name)
                if {part!r}.encode() in (folder / "cmdline").read_bytes() and pid != os.getpid():
                    os.kill(pid, 9)
            """
        )
        assert code == 0, output


def _answers_ping(endpoint: Endpoint) -> bool:
    try:
        return endpoint.ask("GET", "/ping").status == 200
    except OSError:
        return False


@dataclass
class Starter:
    """Starts containers of one image, all with one label, and removes them at the end."""

    engine: docker.DockerClient
    image: str
    label: str
    _started: list[ToolkitContainer] = field(default_factory=list)

    def __call__(
        self, model_path: Path, environment: Mapping[str, str] | None = None, image: str | None = None, **options: Any
    ) -> ToolkitContainer:
        """Start a container. `options` are docker-py's options."""
        settings: dict[str, Any] = {"ports": {"8080/tcp": ("127.0.0.1", None)}, **options}
        container = self.engine.containers.create(
            image or self.image,
            "serve",
            environment=dict(environment or {}),
            labels={"lgbm-sm.test": self.label},
            volumes={str(model_path): {"bind": MODEL_PATH, "mode": "ro"}},
            **settings,
        )
        started = ToolkitContainer(container)
        self._started.append(started)
        container.start()
        return started

    def remove_all(self) -> None:
        while self._started:
            started = self._started.pop()
            started.hang_up()
            started.container.remove(force=True, v=True)


def error_in(body: bytes) -> dict[str, Any]:
    """Return the error in an answer that contains nothing else."""
    document = json.loads(body)
    assert list(document) == ["error"]
    error: dict[str, Any] = document["error"]
    return error
