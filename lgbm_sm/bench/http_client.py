"""Send load over HTTP: many clients in one thread.

The client is fast enough to measure a server that answers in 0.1 ms. It uses asyncio protocols on uvloop, the parser of
httptools, and requests that are prepared before the load. Latency is the time from the request to the last byte of the
answer. If the server closes each connection, the latency includes the time to open a new connection.
"""

import asyncio
import itertools
import re
import ssl
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httptools
import uvloop

from lgbm_sm import contract
from lgbm_sm.bench.requests import Load
from lgbm_sm.bench.samples import Samples
from lgbm_sm.errors import UsageError

CONNECT_SECONDS = 5.0
_PRINTABLE = re.compile(r"[!-~]+")  # a space or a line end in the URL would break the first line of the request
_PAUSE_SECONDS = 0.05  # the pause after a failure: a client slows down if the server refuses requests
_WATCH_SECONDS = 0.1
_EXAMPLE_BYTES = 1000


@dataclass(frozen=True)
class Address:
    """The parts of a URL."""

    host: str
    port: int
    is_https: bool
    authority: str
    target: str


def parse_url(url: str) -> Address:
    """Parse `http(s)://host[:port]/path`.

    Raises:
        UsageError: the URL does not have this form.
    """
    refusal = UsageError(f"--url {url}: not an HTTP URL", f"pass for example {contract.LOCAL_INVOCATIONS_URL}")
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refusal from error
    is_plain = _PRINTABLE.fullmatch(url) and "@" not in parts.netloc  # the request would not contain a password
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise refusal
    is_https = parts.scheme == "https"
    target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    return Address(parts.hostname, port or (443 if is_https else 80), is_https, parts.netloc, target)


@dataclass
class _Phase:
    """The state that all clients share during a warm-up or a step."""

    samples: Samples
    deadline_ns: int
    left: int
    running: int
    ended: "asyncio.Future[None]"
    requests: Iterator[bytes]

    def end_one(self) -> None:
        self.running -= 1
        if not self.running and not self.ended.done():
            self.ended.set_result(None)


class _Connection(asyncio.Protocol):
    """One connection of a client. Data that arrives after `leave` is ignored."""

    def __init__(self, client: "_ClosedLoop") -> None:
        self._client: _ClosedLoop | None = client
        self._parser: Any = httptools.HttpResponseParser(self)
        self._transport: Any = None
        self._is_framed = self._has_head = False
        self._said = b""

    def send(self, request: bytes) -> None:
        self._transport.write(request)

    def leave(self) -> None:
        self._client = None
        if self._transport:
            self._transport.abort()

    # asyncio calls these

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._client:
                self._client.lost("not HTTP", f"{error}: {data[:80]!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._client is None:
            return
        if self._has_head and not self._is_framed and exc is None:  # the end of the connection ends the answer
            self._answered(keeps_connection=False)
        else:
            self._client.lost("connection closed", str(exc or "before the answer was complete"))

    # httptools calls these

    def on_header(self, name: bytes, _: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._is_framed = True

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        if self._parser.get_status_code() >= 300 and len(self._said) < _EXAMPLE_BYTES:
            self._said += body

    def on_message_complete(self) -> None:
        self._answered(keeps_connection=self._parser.should_keep_alive())

    def _answered(self, *, keeps_connection: bool) -> None:
        said, self._said = self._said, b""
        self._is_framed = self._has_head = False
        if self._client:
            self._client.answered(self._parser.get_status_code(), said, keeps_connection=keeps_connection)


class _ClosedLoop:
    """One client. It waits for an answer before it sends the next request."""

    def __init__(self, address: Address, context: ssl.SSLContext | None) -> None:
        self._address = address
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._phase: _Phase | None = None
        self._sent_at_ns = 0  # 0 means that the client does not wait for an answer

    def begin(self, phase: _Phase) -> None:
        self._phase = phase
        self._send_next()

    def give_up(self, before_ns: int) -> None:
        """If the current request was sent before this time, count it as failed and send the next request."""
        if self._sent_at_ns and self._sent_at_ns < before_ns:
            self.lost("timeout", "no answer in time")

    def close(self) -> None:
        self._phase, self._sent_at_ns = None, 0
        self._leave_connection()

    def _leave_connection(self) -> None:
        if self._connecting:
            self._connecting.cancel()
            self._connecting = None
        if self._connection:
            self._connection.leave()
            self._connection = None

    def _send_next(self) -> None:
        phase = self._phase
        if phase is None:
            return
        now = time.perf_counter_ns()
        if now >= phase.deadline_ns or phase.left <= 0:
            self._phase = None
            phase.end_one()
            return
        phase.left -= 1
        self._sent_at_ns = now
        request = next(phase.requests)
        if self._connection:
            self._connection.send(request)
        else:
            self._connecting = self._loop.create_task(self._connect(request))
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.result())

    async def _connect(self, request: bytes) -> None:
        address, connection = self._address, _Connection(self)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._loop.create_connection(lambda: connection, address.host, address.port, ssl=self._context)
        except asyncio.CancelledError:
            connection.leave()
            raise
        except (OSError, UnicodeError) as error:  # OSError includes TimeoutError; UnicodeError is an invalid host name
            self._connecting = None
            self.lost("no connection", str(error) or f"no connection within {CONNECT_SECONDS:.0f} s")
            return
        self._connecting, self._connection = None, connection
        connection.send(request)

    def answered(self, status: int, said: bytes, *, keeps_connection: bool) -> None:
        now = time.perf_counter_ns()
        sent_at_ns, self._sent_at_ns = self._sent_at_ns, 0
        if not keeps_connection:
            self._leave_connection()
        phase = self._phase
        if not sent_at_ns or phase is None:  # an answer without a request
            self._leave_connection()
        elif 200 <= status < 300:
            phase.samples.latencies_ns.append(now - sent_at_ns)
            self._send_next()
        else:
            phase.samples.fail(str(status), said.decode("utf-8", errors="replace") or "(no body)")
            self._loop.call_later(_PAUSE_SECONDS, self._send_next)

    def lost(self, kind: str, example: str) -> None:
        """Drop the connection. Count a request without an answer as failed."""
        is_waiting, self._sent_at_ns = bool(self._sent_at_ns), 0
        self._leave_connection()
        if is_waiting and self._phase:
            self._phase.samples.fail(kind, example)
            self._loop.call_later(_PAUSE_SECONDS, self._send_next)


class HttpClient:
    """A LoadClient for any HTTP server that accepts POST. `timeout_seconds` is the time limit of one answer."""

    def __init__(self, address: Address, load: Load, accept: str, timeout_seconds: float) -> None:
        self._address = address
        self._requests = itertools.cycle(_requests(address, load, accept))
        self._timeout_ns = int(timeout_seconds * 1e9)
        self._context = ssl.create_default_context() if address.is_https else None
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._clients: list[_ClosedLoop] = []

    def run(self, concurrency: int, seconds: float, most_requests: int) -> Samples:
        """See LoadClient."""
        return self._runner.run(self._load(concurrency, seconds, most_requests))

    async def _load(self, concurrency: int, seconds: float, most_requests: int) -> Samples:
        while len(self._clients) < concurrency:
            self._clients.append(_ClosedLoop(self._address, self._context))
        clients = self._clients[:concurrency]
        for idle in self._clients[concurrency:]:
            idle.close()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        loop.set_exception_handler(lambda _, context: _tell(ended, context))
        with Samples().timed() as samples:
            deadline_ns = time.perf_counter_ns() + int(seconds * 1e9)
            phase = _Phase(samples, deadline_ns, most_requests, concurrency, ended, self._requests)
            for client in clients:
                client.begin(phase)
            while not ended.done():
                await asyncio.wait([ended], timeout=_WATCH_SECONDS)
                for client in clients:
                    client.give_up(time.perf_counter_ns() - self._timeout_ns)
            ended.result()
        return samples

    def close(self) -> None:
        """See LoadClient."""
        for client in self._clients:
            client.close()
        self._runner.close()


def _tell(ended: "asyncio.Future[None]", context: dict[str, Any]) -> None:
    """End the phase with the exception of a callback. asyncio itself would only log the exception."""
    if not ended.done():
        ended.set_exception(context.get("exception") or RuntimeError(context["message"]))


def _requests(address: Address, load: Load, accept: str) -> Sequence[bytes]:
    head = (
        f"POST {address.target} HTTP/1.1\r\nHost: {address.authority}\r\n"
        f"Content-Type: {load.content_type}\r\nAccept: {accept}\r\n"
    )
    return [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in load.bodies]
