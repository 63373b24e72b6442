"""Build, start and use stand-ins for AWS's XGBoost images, which need an account to pull.

A stand-in has the same version of Python as its image. It is taken from an installation on this machine, because Debian
does not have such old versions.
"""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import subprocess
import tarfile
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import docker
import docker.models.containers
import pytest

from lgbm_sm.config.values import XGBOOST_PYTHON_VERSIONS
from tests.contract.models import REGRESSION, write_artifact
from tests.contract.serving import Endpoint
from tests.docker.named_images import CONTEXT, named_image
from tests.docker.toolkit_image import MODEL_PATH, ToolkitContainer, models

# The suite asks the older image, whose Python and LightGBM differ most from this checkout's. The soak asks the newer.
OLD, NEW = "1.5-1", "3.0-5"
IN_SOAK = pytest.mark.soak("images")
VERSIONS = [OLD, pytest.param(NEW, marks=IN_SOAK)]
IMAGE_CONTEXT = Path(__file__).parent / "xgboost_image"
SCRIPT_MODE = CONTEXT / "script_mode"
PROGRAM = CONTEXT / "runtime" / "lgbm_runtime" / "core"
# pip takes the wheels in the image, and never asks the network
WHEELS = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
# the images up to 1.7-1 install the code once more in each worker; the later ones before the workers only
_INSTALLS_IN_WORKERS = {"1.5-1": "yes", "3.0-5": "no"}
# of an installation what a container never needs; site-packages are those of whoever owns it
_LEFT_OUT = {"__pycache__", "idlelib", "site-packages", "test", "tests", "tkinter", "turtledemo"}
# 2 January 1980: wheels cannot hold a time before
_MODIFIED_AT = 315_619_200


@functools.cache
def build_image(engine: docker.DockerClient, base_image: str, version: str) -> str:
    """Build the stand-in for the image `version`, and return its name.

    Skip the test if this machine does not have the version of Python.
    """
    prefix = _python_installation(XGBOOST_PYTHON_VERSIONS[version])
    files = {
        "Dockerfile": IMAGE_CONTEXT / "Dockerfile",
        "stand_in.py": IMAGE_CONTEXT / "stand_in.py",
        "packages.txt": IMAGE_CONTEXT / f"packages-{version}.txt",
        "requirements.txt": SCRIPT_MODE / f"requirements-{version}.txt",
        **{f"python/{name}": path for name, path in _python_files(prefix, XGBOOST_PYTHON_VERSIONS[version])},
    }
    arguments = {"BASE_IMAGE": base_image, "INSTALLS_IN_WORKERS": _INSTALLS_IN_WORKERS[version]}
    return named_image(engine, f"lgbm-sm-test-xgboost-{version}", _archive(files), "Dockerfile", arguments)


@functools.cache
def _python_installation(version: tuple[int, int]) -> Path:
    """Return the folder of an installation of Python that can be copied.

    The system's Python cannot, because its files are spread over /usr.
    """
    name = ".".join(map(str, version))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    on_path = shutil.which(f"python{name}")
    candidates = [Path(on_path)] if on_path else []
    candidates += sorted(pyenv.glob(f"versions/{name}.*/bin/python{name}"))
    asked = "import ensurepip, json, sys; print(json.dumps([sys.version_info[:2], sys.base_prefix]))"
    for candidate in candidates:
        answer = subprocess.run([candidate, "-IBc", asked], capture_output=True, text=True, check=False, timeout=60)
        if answer.returncode == 0:
            found, prefix = json.loads(answer.stdout)
            if tuple(found) == version and Path(prefix) != Path("/usr"):
                return Path(prefix)
    pytest.skip(f"a stand-in for AWS's image needs a Python {name} that can be copied: pyenv install {name}")


def _python_files(prefix: Path, version: tuple[int, int]) -> Iterator[tuple[str, Path]]:
    name = "python" + ".".join(map(str, version))
    yield f"bin/{name}", (prefix / "bin" / name).resolve()
    for path in (prefix / "lib").glob("libpython*.so*"):
        yield f"lib/{path.name}", path
    for folder in (prefix / "lib" / name, prefix / "include" / name):
        for path in folder.rglob("*"):
            parts = path.relative_to(prefix).parts
            if path.is_file() and not _LEFT_OUT.intersection(parts) and not any(p.startswith("config-") for p in parts):
                yield "/".join(parts), path


def _archive(files: Mapping[str, Path]) -> io.BytesIO:
    """Return a tar. The same content gives the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, path in sorted(files.items()):
            content = path.read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), _MODIFIED_AT
            member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            archive.addfile(member, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def write_model(
    folder: Path, version: str, name: str = REGRESSION, code: Mapping[str, str] | None = None, requirements: str = ""
) -> Path:
    """Write an unpacked model.tar.gz of pattern C.

    `code` has the user's files. `requirements` has the lines of the user's requirements.txt.
    """
    write_artifact(models()[name], folder)
    ours = "lgbm_sm_inference.py" if code else "inference.py"
    pinned = (SCRIPT_MODE / f"requirements-{version}.txt").read_text()
    files = {
        ours: (SCRIPT_MODE / "inference.py").read_text(),
        "requirements.txt": requirements + pinned,
        **{f"lgbm_runtime/core/{path.name}": path.read_text() for path in PROGRAM.glob("*.py")},
        **{file: textwrap.dedent(text) for file, text in (code or {}).items()},
    }
    for file, text in files.items():
        path = folder / "code" / PurePosixPath(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@dataclass
class StandInEndpoint(Endpoint):
    """An endpoint whose workers are gunicorn's processes."""

    container: docker.models.containers.Container | None = None
    _seen: set[str] = field(default_factory=set)

    def remember_workers(self) -> None:
        self._seen = self._worker_ids()

    def workers_are_the_same(self) -> bool:
        return self._seen == self._worker_ids()

    def _worker_ids(self) -> set[str]:
        assert self.container is not None
        listed = self.container.top(ps_args="-eo pid,args")["Processes"]
        return {pid for pid, arguments in listed if "gunicorn" in arguments}


class StandInContainer(ToolkitContainer):
    """A container of a stand-in that was started with `serve`."""

    def endpoint(self, port: int = 8080) -> StandInEndpoint:  # type: ignore[override]
        """Wait until it answers pings with 200. If the container ends before, fail with its log."""
        endpoint = self.unready_endpoint(port)
        self.wait_for_ping(endpoint, 200)
        endpoint.remember_workers()
        return endpoint

    def wait_for_ping(self, endpoint: Endpoint, status: int, seconds: float = 120) -> None:
        # nginx logs two lines for each ping before gunicorn is there
        end = time.monotonic() + seconds
        while _ping(endpoint) != status:
            assert not self.has_ended(), self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.25)

    def unready_endpoint(self, port: int = 8080) -> StandInEndpoint:
        self.container.reload()
        published = self.container.attrs["NetworkSettings"]["Ports"][f"{port}/tcp"][0]["HostPort"]
        endpoint = StandInEndpoint("127.0.0.1", int(published), [], container=self.container)
        self._endpoints.append(endpoint)
        return endpoint


def _ping(endpoint: Endpoint) -> int | None:
    """Return the status of a ping, or None without an answer."""
    try:
        return endpoint.ask("GET", "/ping").status
    except OSError:
        return None


@dataclass
class StandInStarter:
    """Starts containers of stand-ins, all with one label, and removes them at the end."""

    engine: docker.DockerClient
    base_image: str
    label: str
    _started: list[StandInContainer] = field(default_factory=list)

    def __call__(
        self, version: str, model_path: Path, environment: Mapping[str, str] | None = None, **options: Any
    ) -> StandInContainer:
        """Start a container. `options` are docker-py's options.

        The server has one worker unless `environment` sets another number.
        """
        users = sorted(path.name for path in (model_path / "code").glob("*.py"))
        ours = "lgbm_sm_inference.py"
        variables = {
            "SAGEMAKER_PROGRAM": ours if ours in users else "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"{MODEL_PATH}/code",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            **({"LGBM_RUNTIME_PROGRAM": "inference.py"} if ours in users else {}),
            **WHEELS,
            **(environment or {}),
        }
        settings: dict[str, Any] = {"ports": {"8080/tcp": ("127.0.0.1", None)}, **options}
        container = self.engine.containers.create(
            build_image(self.engine, self.base_image, version),
            "serve",
            environment=variables,
            labels={"lgbm-sm.test": self.label},
            volumes={str(model_path): {"bind": MODEL_PATH, "mode": "ro"}},
            **settings,
        )
        started = StandInContainer(container)
        self._started.append(started)
        container.start()
        return started

    def remove_all(self) -> None:
        while self._started:
            started = self._started.pop()
            started.hang_up()
            started.container.remove(force=True, v=True)
