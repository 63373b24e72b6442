"""uvicorn's HTTP protocol with what it leaves open: a limit for headers, errors as JSON, and an orderly end."""

from __future__ import annotations

import json

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from lgbm_runtime.errors import InvocationError

# Headers are parsed in memory; 64 KiB is several times what any client of the platform sends.
_HEADER_LIMIT_BYTES = 64 * 1024


class HttpProtocol(HttpToolsProtocol):
    """One connection. Class attribute `draining`: the worker is about to end; each answer closes its connection."""

    draining = False

    _in_message = False
    _in_headers = True
    _header_bytes = 0
    _last_cycle: RequestResponseCycle | None = None

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > _HEADER_LIMIT_BYTES and not self.transport.is_closing():
            self._refuse(431, f"the request's headers are larger than {_HEADER_LIMIT_BYTES} bytes")

    def on_message_begin(self) -> None:
        self._in_message = self._in_headers = True
        self._header_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        super().on_headers_complete()
        if self.parser.should_upgrade():
            # the parser reads nothing after it
            self.cycle.keep_alive = False
        if self.draining:
            if self._last_cycle is not None:
                # a pipelined request follows it, and closes the connection in its place
                self._last_cycle.keep_alive = True
            if self.cycle.keep_alive:
                self.cycle.keep_alive = False
                self._last_cycle = self.cycle

    def on_message_complete(self) -> None:
        self._in_message = False
        self._in_headers = True
        self._header_bytes = 0
        super().on_message_complete()

    def shutdown(self) -> None:
        """Closes the connection where no request has begun; otherwise its answer will."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            if cycle.keep_alive:
                cycle.keep_alive = False
                self._last_cycle = cycle
        elif not self._in_message:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def _refuse(self, status: int, message: str) -> None:
        body = json.dumps(InvocationError(status, message).to_json()).encode()
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        self.transport.close()
