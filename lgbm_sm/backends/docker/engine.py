"""The connection to Docker, or to a compatible container engine, and its errors.

The import of docker-py is slow. So `status` and similar commands first ask Docker over its socket without docker-py.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgbm_sm.errors import EngineError, LgbmSmError

if TYPE_CHECKING:
    import docker

# the labels by which containers, networks and images are found
PROJECT_LABEL, KIND_LABEL, NAME_LABEL = "lgbm-sm.project", "lgbm-sm.kind", "lgbm-sm.name"
ID_LABEL, PATTERN_LABEL = "lgbm-sm.id", "lgbm-sm.pattern"
FOLDER_LABEL, CONTEXT_LABEL, STAGE_LABEL = "lgbm-sm.folder", "lgbm-sm.context", "lgbm-sm.stage"
_DEFAULT_SOCKET = "/var/run/docker.sock"
_GLANCE_SECONDS = 2.0
_CONNECT_SECONDS = 10
_REQUEST_SECONDS = 60


class Engine:
    """Docker. The connection is the one that the `docker` command uses.

    DOCKER_HOST takes precedence over the current Docker context. The context takes precedence over the default socket.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @cached_property
    def client(self) -> "docker.DockerClient":
        """The connection. The first use opens it.

        Raises:
            EngineError: Docker does not answer, or this user has no permission to use Docker.
        """
        path = self._socket_path
        if path is not None and not path.exists():
            raise EngineError(f"Docker does not answer: {path} does not exist", _START)
        if path is not None and not os.access(path, os.W_OK):
            raise EngineError(f"Docker refuses this user: no permission to write {path}", _JOIN_GROUP)
        import docker

        with engine_errors("Docker does not answer", EngineError, _START):
            client = docker.from_env(environment=dict(self._environment), timeout=_CONNECT_SECONDS)
            client.ping()
            client.api.timeout = _REQUEST_SECONDS
            return client

    @cached_property
    def platform(self) -> str:
        """The platform of Docker, such as linux/amd64. Images for this platform run without emulation.

        Raises:
            EngineError: Docker does not answer, or this user has no permission to use Docker.
        """
        client = self.client
        with engine_errors("Docker does not answer", EngineError, _START):
            version = client.version()
        return f"{version['Os']}/{version['Arch']}"

    @cached_property
    def cpus(self) -> int:
        """The number of CPUs of Docker.

        Raises:
            EngineError: Docker does not answer, or this user has no permission to use Docker.
        """
        client = self.client
        with engine_errors("Docker does not answer", EngineError, _START):
            return int(client.info()["NCPU"])

    def has_image(self, tag: str) -> bool:
        """Return whether Docker has an image of this name.

        Raises:
            EngineError: Docker does not answer, or this user has no permission to use Docker.
        """
        client = self.client
        import docker.errors

        with engine_errors("Docker does not answer", EngineError, _START):
            try:
                client.images.get(tag)
            except docker.errors.ImageNotFound:
                return False
        return True

    def shares_network(self) -> bool:
        """Return whether this machine can connect to a container at the container's own address.

        For example, this is not possible if Docker runs in a virtual machine.
        """
        info = self.client.info()
        rootless = any("rootless" in option for option in info.get("SecurityOptions") or ())
        inside = sys.platform != "linux" or info.get("OperatingSystem") == "Docker Desktop"
        return self._socket_path is not None and not rootless and not inside

    def may_hold_anything(self, is_ours: Callable[[Mapping[str, str]], bool]) -> bool:
        """Return False if no container or network has labels that `is_ours` accepts.

        The check does not use docker-py. Return True if it is not possible, for example if Docker is on another
        machine.
        """
        path = self._socket_path
        if path is None:
            return True
        if not path.exists():
            return False
        import urllib.parse

        query = urllib.parse.urlencode({"all": "1", "filters": json.dumps({"label": [KIND_LABEL, NAME_LABEL]})})
        with suppress(OSError, ValueError):
            found = (one for kind in ("containers/json", "networks") for one in _asked(path, f"/{kind}?{query}"))
            return any(is_ours(one.get("Labels") or {}) for one in found)
        return False

    def may_hold_images(self, *filters: Mapping[str, list[str]]) -> bool:
        """Return False if Docker has no image that matches one of the filters.

        The check does not use docker-py. Return True if it is not possible.
        """
        path = self._socket_path
        if path is None or not path.exists():
            return path is None
        import urllib.parse

        queries = [urllib.parse.urlencode({"filters": json.dumps(one)}) for one in filters]
        with suppress(OSError, ValueError):
            return any(_asked(path, f"/images/json?{query}") for query in queries)
        return False

    @property
    def _socket_path(self) -> Path | None:
        """The path of Docker's socket, or None if only docker-py can find or reach Docker."""
        host = self._environment.get("DOCKER_HOST")
        if host:
            return Path(host.removeprefix("unix://")) if host.startswith("unix://") else None
        if self._environment.get("DOCKER_CONTEXT", "default") != "default":
            return None
        folder = Path(self._environment.get("DOCKER_CONFIG") or Path("~/.docker").expanduser())
        with suppress(OSError, ValueError):
            if json.loads((folder / "config.json").read_text(encoding="utf-8")).get("currentContext"):
                return None
        return Path(_DEFAULT_SOCKET)


def _asked(path: Path, target: str) -> list[dict[str, Any]]:
    """Return Docker's answer to a GET request.

    With HTTP 1.0, the answer ends when the connection closes, so no HTTP library is needed.

    Raises:
        OSError: Docker does not answer.
        ValueError: the answer is not a list.
    """
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_GLANCE_SECONDS)
        connection.connect(str(path))
        connection.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        with connection.makefile("rb") as file:
            content = file.read().partition(b"\r\n\r\n")[2]
    answer = json.loads(content)
    if not isinstance(answer, list):
        raise ValueError("the answer is not a list")
    return answer


@contextmanager
def engine_errors(what: str, kind: type[LgbmSmError], hint: str = "") -> Iterator[None]:
    """Convert docker-py's errors to `kind`. The message begins with `what`.

    Raises:
        LgbmSmError: docker-py raised an error. The type is `kind`, or EngineError if Docker does not answer.
    """
    import docker.errors
    import requests.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        raise kind(f"{what}: {error.explanation or error}", hint) from error
    except docker.errors.DockerException as error:
        if "PermissionError" in str(error) or "Permission denied" in str(error):
            raise EngineError("Docker refuses this user", _JOIN_GROUP) from error
        raise EngineError(f"Docker does not answer: {error}", _START) from error
    except (requests.exceptions.RequestException, ConnectionError, TimeoutError) as error:
        raise EngineError(f"{what}: Docker has stopped answering ({error})", _START) from error


_START = "start Docker (`sudo systemctl start docker`, or Docker Desktop), and check with `docker version`"
_JOIN_GROUP = "`sudo usermod -aG docker $USER`, then log in again"
