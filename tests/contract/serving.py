"""Start a server under test, send requests to it, and watch it."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil

# no server under test closes a connection that nobody has used for so long: nginx does after 3 s, ours after 75 s
_KEPT_SECONDS = 2.0
# the platform's for an answer: on a busy machine, the slowest server takes a good part of it for 25 MB
_ANSWER_SECONDS = 60
RUNTIME = Path(__file__).parents[2] / "containers" / "runtime"


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Endpoint:
    """A served model: its address and its worker processes."""

    host: str
    port: int
    workers: list[psutil.Process]
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)
    _asked_at: float = 0

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a request on a connection that stays open. Headers are sent as UTF-8."""
        if time.monotonic() - self._asked_at > _KEPT_SECONDS:
            self.hang_up()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.host, self.port, timeout=_ANSWER_SECONDS)
        encoded = {name: value.encode() for name, value in (headers or {}).items()}
        try:
            self._connection.request(method, path, body, encoded)
            response = self._connection.getresponse()
            reply = Reply(response.status, response.headers, response.read())
        except BaseException:
            self.hang_up()
            raise
        finally:
            self._asked_at = time.monotonic()
        if response.will_close:
            self.hang_up()
        return reply

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def connect(self, timeout: float = 10) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=timeout)

    def workers_are_the_same(self) -> bool:
        return all(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in self.workers)


@dataclass
class Server:
    """A process `python -m lgbm_runtime serve`, and its log file."""

    process: subprocess.Popen[bytes]
    log_path: Path
    host: str
    port: int
    _endpoints: list[Endpoint] = field(default_factory=list)

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_for_log(self, text: str, count: int = 1) -> None:
        wait_until(lambda: self.log.count(text) >= count or self.process.poll() is not None)
        assert self.log.count(text) >= count, self.log

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def endpoint(self) -> Endpoint:
        """Wait until all workers serve, and return the endpoint."""
        self.wait_for_log(" serving ")
        self._endpoints.append(Endpoint(self.host, self.port, self.children()))
        return self._endpoints[-1]

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=40)

    def close(self) -> None:
        for endpoint in self._endpoints:
            endpoint.hang_up()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start_server(root: Path, workers: int = 2, environment: Mapping[str, str] | None = None) -> Server:
    """Start the server, and do not wait until it serves.

    It inherits a listening socket on a free port of this machine.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        host, port = listener.getsockname()
        descriptor = listener.fileno()
        process, log_path = start_program(
            ["serve", "--root", str(root), "--fd", str(descriptor)],
            root,
            {"LGBM_RUNTIME_WORKERS": str(workers), **(environment or {})},
            (descriptor,),
        )
        return Server(process, log_path, host, port)


def start_program(
    arguments: list[str], folder: Path, environment: Mapping[str, str], descriptors: tuple[int, ...] = ()
) -> tuple[subprocess.Popen[bytes], Path]:
    log_path = folder / f"log-{time.monotonic_ns()}"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lgbm_runtime", *arguments],
            env={**os.environ, "PYTHONPATH": str(RUNTIME), **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=descriptors,
        )
    return process, log_path


def wait_until(is_true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "the condition did not become true in time"
        time.sleep(0.02)
