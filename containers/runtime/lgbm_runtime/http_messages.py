"""One HTTP request, and the answer to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from lgbm_runtime.errors import InvocationError
from lgbm_runtime.media_type import JSON

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Head:
    """What a request says before its body; it may belong to several requests.

    `headers` have lower-case names; fields that occur several times are joined by commas (RFC 9110, 5.3). `handler` is
    the application's, once there was a request.
    """

    __slots__ = ("content_length", "handler", "headers", "keep_alive", "method", "url")

    def __init__(self) -> None:
        self.method = b""
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.content_length = 0
        self.keep_alive = True
        self.handler: Handler | None = None

    def add_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        known = self.headers.get(name)
        self.headers[name] = value if known is None else known + b", " + value

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class Response(NamedTuple):
    """`content_type` is empty where there is no body; `extra` are whole header lines, each with its CRLF."""

    status: int
    body: bytes = b""
    content_type: str = ""
    extra: bytes = b""

    def encoded(self, *, with_body: bool, closes: bool) -> bytes:
        """The bytes on the wire. To HEAD a response says how long its body would be."""
        return b"%b%b%b%b%bcontent-length: %d\r\n\r\n%b" % (
            _STATUS_LINES.get(self.status) or b"HTTP/1.1 %d Error\r\n" % self.status,
            _DATE.line(),
            _content_type_line(self.content_type),
            self.extra,
            b"connection: close\r\n" if closes else b"",
            len(self.body),
            self.body if with_body else b"",
        )


# From a request's body to the response, or to a function that takes longer to make it and is to be called in a thread.
Handler = Callable[[bytes], Response | Callable[[], Response]]


def error_response(error: InvocationError, extra: bytes = b"") -> Response:
    return Response(error.status, json.dumps(error.to_json()).encode(), JSON, extra)


@lru_cache(maxsize=64)
def _content_type_line(content_type: str) -> bytes:
    return b"content-type: %b\r\n" % content_type.encode("latin-1") if content_type else b""


@dataclass
class _Date:
    """The header `date` (RFC 9110, 6.6.1), put together once a second."""

    _second: int = 0
    _line: bytes = field(default=b"")

    def line(self) -> bytes:
        now = int(time.time())
        if now != self._second:
            self._second = now
            t = time.gmtime(now)
            clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
            text = f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} {clock}"
            self._line = f"date: {text} GMT\r\n".encode()
        return self._line


_DATE = _Date()
