"""The container contract's three routes as an ASGI application (ASGI 3.0, HTTP)."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lgbm_runtime.decoding import MAX_BODY_BYTES, too_large
from lgbm_runtime.errors import InvocationError
from lgbm_runtime.media_type import JSON
from lgbm_runtime.predictor import Answer, Predictor
from lgbm_runtime.user_code import InferenceCode

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

ATTRIBUTES_HEADER = b"x-amzn-sagemaker-custom-attributes"
# A larger body may take longer to answer than a ping may wait.
_INLINE_BYTES = 8 * 1024
# The rest of a refused body is read for so long, since closing a connection on unread bytes can destroy the answer.
_DISCARD_SECONDS = 10.0
# "Batch transform" clients send at most so much at once; SageMaker's own default.
_TRANSFORM_PAYLOAD_MEGABYTES = 6


class ClientGoneError(Exception):
    """The client closed the connection before its request was whole."""


class App:
    """Serves one proven predictor, or a user's inference code.

    `workers` is told to batch transform as the number of useful parallel requests. Small requests are answered on the
    event loop; larger ones, and those for a user's code, go to a thread of their own, one after the other, so that
    /ping answers meanwhile.
    """

    def __init__(self, service: Predictor | InferenceCode, workers: int) -> None:
        self.draining = False
        self._service = service
        self._inline_bytes = _INLINE_BYTES if isinstance(service, Predictor) else -1
        self._workers = workers
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="invocations")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            await self._route(request)
        except ClientGoneError:
            pass
        except InvocationError as error:
            await request.answer_error(error)
        except Exception:  # noqa: BLE001 - the one place where a bug must not reach the client
            reference = uuid.uuid4().hex[:12]
            print(f"unexpected error {reference}:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
            message = f"the server failed; its log has the cause under the reference {reference}"
            await request.answer_error(InvocationError(500, message))

    async def _route(self, request: Request) -> None:
        method, path = request.method, request.path
        if path == "/invocations":
            _allow(method, ("POST",))
            await self._invoke(request)
        elif path == "/ping":
            _allow(method, ("GET", "HEAD"))
            await request.answer(503 if self.draining else 200, b"", [])
        elif path == "/execution-parameters":
            _allow(method, ("GET", "HEAD"))
            await request.answer(200, self._execution_parameters(), [(b"content-type", JSON.encode())])
        else:
            raise InvocationError(404, f"there is nothing at {path[:120]}; ask /ping or /invocations")

    async def _invoke(self, request: Request) -> None:
        headers = request.headers
        if "upgrade" in headers.get(b"connection", "").lower():
            # httptools takes the body for the other protocol's
            raise InvocationError(400, "only HTTP/1.1 is spoken here; send the request without Upgrade")
        encoding = headers.get(b"content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise InvocationError(415, f"content encoding {encoding[:60]} is not supported; send the body as it is")
        body = await request.body()
        attributes = headers.get(ATTRIBUTES_HEADER, "")
        arguments = (body, headers.get(b"content-type"), headers.get(b"accept"), attributes)
        if len(body) <= self._inline_bytes and not attributes:
            answer = self._service.invoke(*arguments)
        else:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._executor, self._service.invoke, *arguments)
        await request.answer(200, answer.body, _headers_of(answer))

    def _execution_parameters(self) -> bytes:
        """Source: "Custom inference code with batch transform" in AWS's developer guide."""
        parameters = {
            "MaxConcurrentTransforms": self._workers,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": _TRANSFORM_PAYLOAD_MEGABYTES,
        }
        return json.dumps(parameters).encode()


class Request:
    """One HTTP request: reads its body, and answers it once."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = _single(scope["headers"])
        self._receive = receive
        self._send = send
        self._body_ended = b"transfer-encoding" not in self.headers and self._length() == 0
        self._answered = False

    async def body(self) -> bytes:
        """The whole body. Raises InvocationError(413) as soon as it is known to be too large, ClientGoneError."""
        if self._length() > MAX_BODY_BYTES:
            raise too_large()
        chunks: list[bytes] = []
        size = 0
        while not self._body_ended:
            chunk = await self._next_chunk()
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise too_large()
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _length(self) -> int:
        # the parser has seen to it that it is one number
        return int(self.headers.get(b"content-length", "0"))

    async def answer(self, status: int, body: bytes, headers: Headers) -> None:
        self._answered = True
        headers = [*headers, (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        if not self._body_ended:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            await self._discard()
            body = b""
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def answer_error(self, error: InvocationError) -> None:
        """Answers with the error as JSON; does nothing where an answer has begun."""
        if self._answered:
            return
        headers = [(b"content-type", JSON.encode())]
        if isinstance(error, MethodError):
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        await self.answer(error.status, json.dumps(error.to_json()).encode(), headers)

    async def _discard(self) -> None:
        """Reads what the client still sends, for a while."""
        end = time.monotonic() + _DISCARD_SECONDS
        try:
            while not self._body_ended and time.monotonic() < end:
                await asyncio.wait_for(self._next_chunk(), max(0.0, end - time.monotonic()))
        except (ClientGoneError, asyncio.TimeoutError):
            pass

    async def _next_chunk(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self._body_ended = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk


class MethodError(InvocationError):
    """The path has no such method; `allowed` are those it has."""

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(405, f"{method} is not allowed here; use {' or '.join(allowed)}")
        self.allowed = allowed


def _allow(method: str, allowed: tuple[str, ...]) -> None:
    if method not in allowed:
        raise MethodError(method, allowed)


def _headers_of(answer: Answer) -> Headers:
    headers = [(b"content-type", answer.content_type.encode())]
    if answer.attributes:
        headers.append((ATTRIBUTES_HEADER, answer.attributes.encode("ascii")))
    return headers


def _single(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Header name -> value; fields that occur several times are joined by commas, as RFC 9110, 5.3 has it."""
    single: dict[bytes, str] = {}
    for name, value in headers:
        text = value.decode("latin-1")
        single[name] = f"{single[name]}, {text}" if name in single else text
    return single
