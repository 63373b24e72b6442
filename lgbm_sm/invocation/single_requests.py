"""Send single requests to a server on this machine, and measure their durations.

Readiness checks and `verify` use this module.
"""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from lgbm_sm import contract


@dataclass(frozen=True)
class Reply:
    """The result of a request.

    If there was no answer, `status` is None and `failure` has the reason. One duration ends when the connection is
    accepted, the other at the last byte of the answer. Both begin at the start of the request. `ended_at` is a time of
    the monotonic clock.
    """

    status: int | None
    body: bytes = b""
    failure: str = ""
    connect_seconds: float = 0.0
    seconds: float = 0.0
    ended_at: float = 0.0

    @property
    def is_ok(self) -> bool:
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)

    @property
    def is_client_error(self) -> bool:
        return self.status is not None and HTTPStatus(400) <= self.status < HTTPStatus(500)

    def __str__(self) -> str:
        if self.status is None:
            return self.failure
        text = " ".join(self.body[:200].decode("utf-8", errors="replace").split())
        return f"{self.status}" if self.is_ok or not text else f"{self.status} ({text[:120]})"


@dataclass(frozen=True)
class Client:
    """Sends each request over a new connection."""

    host: str
    port: int

    def ask(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "", *, seconds: float
    ) -> Reply:
        """Send a request. `seconds` is the timeout of each read and write."""
        headers: Mapping[str, str] = {"Content-Type": content_type} if content_type else {}
        began = time.monotonic()
        connected = began
        connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        try:
            connection.connect()
            connected = time.monotonic()
            _send(connection, method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except TimeoutError:
            failure = f"no answer within {seconds:g} s"
        except ConnectionRefusedError:
            failure = "connection refused"
        except (OSError, http.client.HTTPException) as error:
            failure = f"the connection broke without an answer ({type(error).__name__})"
        else:
            ended = time.monotonic()
            return Reply(answer.status, content, "", connected - began, ended - began, ended)
        finally:
            connection.close()
        ended = time.monotonic()
        return Reply(None, b"", failure, connected - began, ended - began, ended)

    def ping(self, seconds: float) -> Reply:
        return self.ask("GET", contract.PING_PATH, seconds=seconds)


def _send(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
) -> None:
    connection.putrequest(method, path)
    for name, value in headers.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    try:
        if body:
            connection.send(body)
    except (BrokenPipeError, ConnectionResetError):
        return  # a server may answer and close the connection before it has read the whole body
