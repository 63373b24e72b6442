"""Handle one HTTP/1.1 connection: parse requests, call the application, send the answers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

import httptools

from lgbm_runtime.core.decoding import MAX_BODY_BYTES, too_large
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.serving.head_cache import HeadCache
from lgbm_runtime.serving.http_messages import Handler, Head, Response, date_line, encoded, error_response

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Application(Protocol):
    """Answers requests. The application and its handlers do not raise exceptions."""

    def handler(self, head: Head) -> Handler:
        """Return the function that answers requests with this head."""


@dataclass(frozen=True)
class Limits:
    """The limits of a connection.

    `idle_seconds`: A connection without a request is closed after this time. It is long because SageMaker keeps its
    connections open, and a request can be lost if the container closes one.

    `request_seconds`: The limit for a request to arrive completely, and for the client to read the answers. SageMaker
    gives up after 60 s.

    `discard_seconds`: After a refused request, the connection reads and drops more bytes for this long. To close a
    connection with unread bytes can destroy the answer.

    `header_bytes`: The largest headers of a request. SageMaker's clients send much smaller headers.
    """

    idle_seconds: float = 75.0
    request_seconds: float = 60.0
    discard_seconds: float = 10.0
    header_bytes: int = 64 * 1024


@dataclass
class Site:
    """The state that all connections of a worker share.

    If `draining` is true, each connection closes after its answer. `tick` updates two values. `date` is the line of the
    header Date. `idle_deadline` is the time at which a connection that becomes idle now must be closed.
    """

    application: Application
    executor: Executor
    limits: Limits = field(default_factory=Limits)
    draining: bool = False
    connections: set[Connection] = field(default_factory=set)
    head_cache: HeadCache = field(default_factory=HeadCache)
    on_close: Callable[[], None] = lambda: None
    date: bytes = field(init=False)
    idle_deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Update the time and close expired connections. Call this about every second."""
        now = time.monotonic()
        self.date = date_line()
        self.idle_deadline = now + self.limits.idle_seconds
        for connection in [one for one in self.connections if one.deadline < now]:
            connection.expire()


class Connection(asyncio.Protocol):
    """Answers requests in their order, one at a time.

    It reads no further while a request is being answered.
    """

    transport: asyncio.Transport

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self.deadline = 0.0
        self._site = site
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._head = Head()
        self._waiting: deque[tuple[Head, bytes]] = deque()
        self._chunks: list[bytes] = []
        self._body_bytes = 0
        # the bytes of headers, trailers or chunk extensions that are not complete yet
        self._unread_bytes = 0
        self._receiving = False
        self._in_body = False
        self._in_work = False
        self._reading = True
        self._writable = True
        self._expects_continue = False
        self._ended = False
        self._discarding = False
        self._fault: InvocationError | None = None

    # called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment] # a TCP connection's is a Transport
        self._site.connections.add(self)
        self.deadline = self._site.idle_deadline

    def connection_lost(self, _error: Exception | None) -> None:
        self._site.connections.discard(self)
        self._site.on_close()
        self._discarding = True
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            return
        begins = self._writable and not (
            self._receiving or self._unread_bytes or self._waiting or self._in_work or self._fault
        )
        request = self._site.head_cache.find(data) if begins else None
        if request is not None:
            self._respond(*request)
            if self._in_work:
                self._proceed()
            return
        self._unread_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserError as error:
            self._refuse(InvocationError(400, f"the request is not valid HTTP: {error}"))
        if self._unread_bytes > self._site.limits.header_bytes:
            limit = self._site.limits.header_bytes
            self._refuse(InvocationError(431, f"the request's headers are larger than {limit} bytes"))
        if begins and len(self._waiting) == 1 and not (self._receiving or self._fault):
            self._site.head_cache.add(data, *self._waiting[0])
        self._proceed()

    def eof_received(self) -> bool:
        # a client that has stopped sending may still read, so answer its requests before closing
        self._ended = True
        return bool(self._waiting or self._in_work) and not self._discarding

    def pause_writing(self) -> None:
        self._writable = False
        self.deadline = time.monotonic() + self._site.limits.request_seconds

    def resume_writing(self) -> None:
        self._writable = True
        self._await_next()
        self._proceed()

    # called by the parser, which reports an exception here as an error of the client

    def on_message_begin(self) -> None:
        self._head = Head()
        self._receiving = True
        self._chunks = []
        self._body_bytes = 0
        self.deadline = time.monotonic() + self._site.limits.request_seconds

    def on_url(self, url: bytes) -> None:
        self._head.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # ignore trailers, which come after the body: they must not be taken for headers
        if not self._in_body:
            self._head.add_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_body = True
        self._unread_bytes = 0
        head, parser = self._head, self._parser
        head.method = parser.get_method()
        head.keep_alive = (
            parser.should_keep_alive() and parser.get_http_version() == "1.1" and not parser.should_upgrade()
        )
        # the parser has checked that the value is one number
        head.content_length = int(head.headers.get(b"content-length", b"0"))
        if head.content_length > MAX_BODY_BYTES:
            self._refuse(too_large())
        self._expects_continue = head.headers.get(b"expect", b"").lower() == b"100-continue"

    def on_body(self, chunk: bytes) -> None:
        self._unread_bytes = 0
        self._body_bytes += len(chunk)
        if self._body_bytes > MAX_BODY_BYTES:
            self._chunks = []
            self._refuse(too_large())
        else:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        self._receiving = self._in_body = self._expects_continue = False
        self._unread_bytes = 0
        if self._fault is not None:
            return
        chunks, self._chunks = self._chunks, []
        self._waiting.append((self._head, chunks[0] if len(chunks) == 1 else b"".join(chunks)))

    # the connection's own steps

    def _feed(self, data: bytes) -> None:
        """Parse the data. A request to change the protocol is a request in this one (RFC 9110, 7.8)."""
        while data:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # the parser takes the body for data of another protocol, so parse the request without the header
                [rest] = upgrade.args
                if self._head.method == b"CONNECT" or not self._waiting:
                    return
                head, _ = self._waiting.pop()
                version = self._parser.get_http_version().encode()
                self._parser = httptools.HttpRequestParser(self)
                data = head.without_upgrade(version) + data[rest:]

    def shut_down(self) -> None:
        """Close the connection now, or after its last answer if a request has begun."""
        if not (self._receiving or self._waiting or self._in_work or self._discarding):
            self.transport.close()

    def expire(self) -> None:
        """Handle the passed deadline."""
        if self._in_work:
            return
        if not self._writable or self.transport.is_closing():
            self.transport.abort()
        elif self._receiving and not self._discarding:
            seconds = self._site.limits.request_seconds
            self._refuse(InvocationError(408, f"the request was still incomplete after {seconds:.0f} s"))
            self._proceed()
        else:
            self.transport.close()

    def _refuse(self, error: InvocationError) -> None:
        """Store the error. `_proceed` sends it after the answers to the earlier requests."""
        if self._fault is None:
            self._fault = error

    def _proceed(self) -> None:
        """Answer the requests that can be answered now."""
        while self._waiting and self._writable and not self._in_work:
            self._respond(*self._waiting.popleft())
        is_free = not (self._waiting or self._in_work)
        if is_free and not self._discarding:
            if self._fault is not None:
                self._answer(None, error_response(self._fault))
            elif self._expects_continue:
                self._expects_continue = False
                self.transport.write(_CONTINUE)
        if is_free is not self._reading and not self.transport.is_closing():
            self._reading = is_free
            (self.transport.resume_reading if is_free else self.transport.pause_reading)()

    def _respond(self, head: Head, body: bytes) -> None:
        """Answer the request, or pass it to the thread."""
        if head.handler is None:
            head.handler = self._site.application.handler(head)
        response = head.handler(body)
        if isinstance(response, tuple):
            self._answer(head, response)
            return
        self._in_work = True
        self._site.executor.submit(response).add_done_callback(
            lambda done: self._loop.call_soon_threadsafe(self._on_done, head, done.result())
        )

    def _on_done(self, head: Head, response: Response) -> None:
        self._in_work = False
        if not self.transport.is_closing():
            self._answer(head, response)
            self._proceed()

    def _answer(self, head: Head | None, response: Response) -> None:
        """Write the response. `head` is None for a request that was refused early."""
        follows = bool(self._waiting or self._receiving or self._fault)
        closes = head is None or not head.keep_alive or (not follows and (self._site.draining or self._ended))
        with_body = head is None or head.method != b"HEAD"
        self.transport.write(encoded(response, self._site.date, with_body=with_body, closes=closes))
        if not closes:
            self._await_next()
            return
        self._waiting.clear()
        self._discarding = True
        if head is None and not self._ended:
            self.deadline = time.monotonic() + self._site.limits.discard_seconds
            self.transport.write_eof()
        else:
            self.transport.close()

    def _await_next(self) -> None:
        site = self._site
        self.deadline = time.monotonic() + site.limits.request_seconds if self._receiving else site.idle_deadline
