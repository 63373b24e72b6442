"""A production variant: one container that serves a model, as on SageMaker."""

from __future__ import annotations

import gzip
import http.client
import tarfile
import threading
import time
import uuid
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from botocore.exceptions import ClientError
from docker.errors import APIError
from docker.models.containers import Container

from tests.cloud.emulator.account import Account, LogStream
from tests.cloud.emulator.containers import Containers, Times, archive, follow, has_ended, stop
from tests.cloud.emulator.images import Images

LOG_GROUP = "/aws/sagemaker/Endpoints"
PING_SECONDS = 2
STARTUP_SECONDS = 480
_MODEL = "/opt/ml/model"


class VariantError(Exception):
    """The endpoint fails for this reason."""


@dataclass(frozen=True)
class VariantParts:
    """The parts of a variant: its endpoint config and its model, as AWS describes them."""

    config: dict[str, Any]
    model: dict[str, Any]
    region: str
    account: Account
    images: Images
    containers: Containers
    times: Times

    @property
    def settings(self) -> dict[str, Any]:
        found: dict[str, Any] = self.config["ProductionVariants"][0]
        return found

    @property
    def container(self) -> dict[str, Any]:
        found: dict[str, Any] = self.model.get("PrimaryContainer") or self.model["Containers"][0]
        return found

    @property
    def startup_seconds(self) -> float:
        set_here = self.settings.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS)
        return float(set_here) if self.times.startup is None else self.times.startup


class Variant:
    """A variant. If its container dies, the container is started again."""

    def __init__(self, parts: VariantParts, endpoint_name: str) -> None:
        self.parts = parts
        self.name: str = parts.settings["VariantName"]
        self._endpoint_name = endpoint_name
        self._log: LogStream | None = None
        self._container: Container | None = None
        self._image = ""
        self._volume = ""
        self._network = ""
        self._followed: list[threading.Thread] = []
        self._address = ("", 0)
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True, name=f"variant of {endpoint_name}")
        self._in_flight = 0
        self._idle = threading.Condition()

    def start(self) -> None:
        """Start the container, and wait until it answers /ping.

        Raises VariantError if it does not answer in time. Then `end` still has to remove the container.
        """
        parts = self.parts
        self._log = parts.account.log(
            parts.region, f"{LOG_GROUP}/{self._endpoint_name}", f"{self.name}/i-{uuid.uuid4().hex[:17]}"
        )
        try:
            self._image = parts.images.pull(parts.container["Image"])
        except APIError as error:
            raise VariantError(
                f"The role '{parts.model['ExecutionRoleArn']}' does not have permission to pull the image "
                f"'{parts.container['Image']}', or it is not there any more. {error.explanation}"
            ) from error
        try:
            self._volume = parts.containers.volume(self._image, _MODEL, self._unpacked())
            self._create()
            self._start()
        except (APIError, ClientError) as error:
            raise VariantError(f"{self._unhealthy()} {error}") from error
        self._watcher.start()
        end = time.monotonic() + parts.startup_seconds
        answered = 0
        while answered < 2:
            if time.monotonic() > end or self._ended.wait(0.1):
                raise VariantError(self._unhealthy())
            answered = answered + 1 if self._ping() else 0

    def end(self, seconds: float) -> None:
        """Answer the open requests, then remove the container. Without a start, do nothing."""
        self._ended.set()
        with self._idle:
            self._idle.wait_for(lambda: self._in_flight == 0, timeout=self.parts.times.invocation if seconds else 0)
        if self._watcher.ident is not None:
            self._watcher.join(60)
        if self._container is not None:
            stop(self._container, seconds)
        self.parts.containers.remove(self._container, self._volume, self._network)
        self.parts.images.release(self._image)
        for thread in self._followed:
            thread.join(10)

    def ask(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Send a request to /invocations.

        Return the status, the headers (in lower case) and the body. Raises OSError or http.client.HTTPException without
        an answer, and TimeoutError if the answer takes too long.
        """
        with self._idle:
            self._in_flight += 1
        try:
            return self._ask("POST", "/invocations", body, headers, self.parts.times.invocation)
        finally:
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()

    def _unpacked(self) -> bytes:
        data = self.parts.container.get("ModelDataUrl")
        if data is None:
            return archive({})
        content = self.parts.account.read(data)
        if content is None:
            raise VariantError(f"Failed to download model data for container from URL: {data}.")
        try:
            unpacked = gzip.decompress(content)
            with tarfile.open(fileobj=BytesIO(unpacked), mode="r:") as tar:
                tar.getmembers()
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise VariantError(
                f"Failed to extract model data archive from URL: {data}. Please ensure that the object located at the "
                "URL is a valid tar.gz archive."
            ) from error
        return unpacked

    def _create(self) -> None:
        parts = self.parts
        options: dict[str, Any] = {"environment": parts.container.get("Environment", {})}
        if parts.model.get("EnableNetworkIsolation"):
            # no port can be published there: it is asked at the address that it has in the network
            self._network = parts.containers.isolated_network()
            options["network"] = self._network
        else:
            options["ports"] = {"8080/tcp": ("127.0.0.1", None)}
        self._container = parts.containers.create(
            self._image, ["serve"], self._volume, _MODEL, read_only=True, **options
        )

    def _start(self) -> None:
        container, log = self._container, self._log
        assert container is not None
        assert log is not None
        container.start()
        self._followed.append(follow(container, log.write))
        container.reload()
        found = container.attrs["NetworkSettings"]
        if self._network:
            self._address = (found["Networks"][self._network]["IPAddress"], 8080)
        elif found["Ports"].get("8080/tcp"):
            self._address = ("127.0.0.1", int(found["Ports"]["8080/tcp"][0]["HostPort"]))

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            assert self._container is not None
            try:
                if has_ended(self._container) and not self._ended.wait(0.5):
                    self._start()
            except APIError:  # it has been removed by somebody else
                self._address = ("", 0)

    def _ping(self) -> bool:
        try:
            return self._ask("GET", "/ping", b"", {}, PING_SECONDS)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str], seconds: float
    ) -> tuple[int, dict[str, str], bytes]:
        host, port = self._address
        if not host:
            raise ConnectionRefusedError
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def _unhealthy(self) -> str:
        return (
            f"The primary container for production variant {self.name} did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint."
        )
