"""One HTTP request, and the answer to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus

from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.media_type import JSON

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


# The status line and the headers that not every response has, each with its CRLF; and the body.
Response = tuple[bytes, bytes]
# From a request's body to the response, or to a function that takes longer to make it and is to be called in a thread.
Handler = Callable[[bytes], Response | Callable[[], Response]]


@lru_cache(maxsize=64)
def response_start(status: int, content_type: str = "", extra: bytes = b"") -> bytes:
    """The first part of a response; `extra` are whole header lines, each with its CRLF."""
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d Error\r\n" % status
    return b"%b%b%b" % (line, b"content-type: %b\r\n" % content_type.encode("latin-1") if content_type else b"", extra)


def error_response(error: InvocationError, extra: bytes = b"") -> Response:
    return response_start(error.status, JSON, extra), json.dumps(error.to_json()).encode()


def encoded(response: Response, date: bytes, *, with_body: bool, closes: bool) -> bytes:
    """The bytes on the wire; `date` is that header's line. To HEAD a response says how long its body would be."""
    start, body = response
    closing = b"connection: close\r\n" if closes else b""
    return b"%b%b%bcontent-length: %d\r\n\r\n%b" % (start, date, closing, len(body), body if with_body else b"")


def date_line() -> bytes:
    """The header `date` (RFC 9110, 6.6.1)."""
    t = time.gmtime()
    day, month = _DAYS[t.tm_wday], _MONTHS[t.tm_mon - 1]
    text = f"{day}, {t.tm_mday:02} {month} {t.tm_year} {t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    return f"date: {text} GMT\r\n".encode()
