"""HTTP requests and responses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus

from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.media_type import JSON

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_OF_UPGRADE = (b"upgrade", b"http2-settings")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Head:
    """The request line and the headers of a request. Requests with equal heads share a Head.

    The names in `headers` are in lower case. If a header occurs several times, commas join its values (RFC 9110, 5.3).
    `handler` is the application's function for requests with this head. The first request sets it.
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

    def without_upgrade(self, version: bytes) -> bytes:
        """Return the bytes of the head without the headers that request another protocol."""
        headers = {name: value for name, value in self.headers.items() if name not in _OF_UPGRADE}
        options = [option.strip() for option in headers.pop(b"connection", b"").split(b",")]
        kept = [option for option in options if option.lower() not in _OF_UPGRADE]
        if any(kept):
            headers[b"connection"] = b", ".join(kept)
        lines = b"".join(b"%b: %b\r\n" % header for header in headers.items())
        return b"%b %b HTTP/%b\r\n%b\r\n" % (self.method, self.url, version, lines)

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


# A response is a pair. First: the status line and the headers that not every response has, each with its CRLF. Second:
# the body.
Response = tuple[bytes, bytes]
# A handler takes the body of a request. It returns the response, or a slow function that a thread must call to get it.
Handler = Callable[[bytes], Response | Callable[[], Response]]


@lru_cache(maxsize=64)
def response_start(status: int, content_type: str = "", extra: bytes = b"") -> bytes:
    """Return the first part of a response. `extra` has header lines, each with its CRLF."""
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d Error\r\n" % status
    return b"%b%b%b" % (line, b"content-type: %b\r\n" % content_type.encode("latin-1") if content_type else b"", extra)


def error_response(error: InvocationError, extra: bytes = b"") -> Response:
    return response_start(error.status, JSON, extra), json.dumps(error.to_json()).encode()


def encoded(response: Response, date: bytes, *, with_body: bool, closes: bool) -> bytes:
    """Return the bytes to send. `date` is the line of the header Date.

    A response to HEAD states the length of the body but has no body.
    """
    start, body = response
    closing = b"connection: close\r\n" if closes else b""
    return b"%b%b%bcontent-length: %d\r\n\r\n%b" % (start, date, closing, len(body), body if with_body else b"")


def date_line() -> bytes:
    """Return the line of the header Date (RFC 9110, 6.6.1)."""
    t = time.gmtime()
    day, month = _DAYS[t.tm_wday], _MONTHS[t.tm_mon - 1]
    text = f"{day}, {t.tm_mday:02} {month} {t.tm_year} {t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    return f"date: {text} GMT\r\n".encode()
