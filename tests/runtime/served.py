"""A server whose application echoes requests, with limits that are short enough for tests."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import uvloop

from lgbm_runtime.serving.http_connection import Connection, Limits, Site
from lgbm_runtime.serving.http_messages import Handler, Head, Response, response_start

LIMITS = Limits(idle_seconds=0.4, request_seconds=0.8, discard_seconds=0.3)


class Echo:
    """Answers with the body of the request.

    /slow is answered in a thread, after `released`. /large is answered with the requested number of bytes.
    """

    def __init__(self) -> None:
        self.released = threading.Event()
        self.seen: list[Head] = []

    def handler(self, head: Head) -> Handler:
        def handle(body: bytes) -> Response | Callable[[], Response]:
            self.seen.append(head)
            if head.url == b"/large":
                return response_start(200), b"x" * int(body)
            response = response_start(200, "text/plain"), body
            return self._waiting(response) if head.url == b"/slow" else response

        return handle

    def _waiting(self, response: Response) -> Callable[[], Response]:
        def wait() -> Response:
            assert self.released.wait(10)
            return response

        return wait


class Served:
    """A server on a port of this machine, in its own thread."""

    def __init__(self, limits: Limits) -> None:
        self.echo = Echo()
        self.site = Site(self.echo, ThreadPoolExecutor(1), limits)
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()

    async def _serve(self) -> None:
        server = await self._loop.create_server(lambda: Connection(self.site, self._loop), sock=self._listener)
        while not self._stop.is_set():
            self.site.tick()
            await asyncio.sleep(0.02)
        server.close()
        for connection in list(self.site.connections):
            connection.transport.abort()
        while self.site.connections:  # noqa: ASYNC110 - a set has no event for "empty"
            await asyncio.sleep(0.01)

    def connect(self) -> socket.socket:
        return socket.create_connection(self._listener.getsockname(), timeout=10)

    def close(self) -> None:
        self.echo.released.set()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.site.executor.shutdown()
        self._loop.close()


def request(body: bytes = b"", path: bytes = b"/", method: bytes = b"POST", more: bytes = b"") -> bytes:
    return b"%b %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n%b" % (method, path, len(body), more, body)
