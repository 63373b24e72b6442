"""The container contract's three routes: from a request to its response, whatever brought the request."""

from __future__ import annotations

import json
import sys
import traceback
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import httptools

from lgbm_runtime.errors import InvocationError
from lgbm_runtime.http_messages import Request, Response, error_response
from lgbm_runtime.media_type import JSON
from lgbm_runtime.predictor import Predictor
from lgbm_runtime.user_code import InferenceCode

_Result = TypeVar("_Result")

ATTRIBUTES_HEADER = b"x-amzn-sagemaker-custom-attributes"
# What is answered on the spot keeps others waiting for a millisecond or two: so many bytes, and so many of them for
# each tree that a feature's share of the row goes through.
_INLINE_BYTES = 32 * 1024
_INLINE_WORK = 250_000
# "Batch transform" clients send at most so much at once; SageMaker's own default.
_TRANSFORM_PAYLOAD_MEGABYTES = 6


class App:
    """Serves one proven predictor, or a user's inference code.

    `workers` is told to batch transform as the number of useful parallel requests. Small requests are answered at once;
    larger ones, and those for a user's code, are for a thread, so that /ping answers meanwhile.
    """

    def __init__(self, service: Predictor | InferenceCode, workers: int) -> None:
        self.draining = False
        self._service = service
        self._inline_bytes = _inline_bytes(service)
        self._workers = workers

    def respond(self, request: Request) -> Response | Callable[[], Response]:
        """The response, or a function that makes it and may take long."""
        return _guarded(self._route, request)

    def _route(self, request: Request) -> Response | Callable[[], Response]:
        path = request.url
        if path not in (b"/invocations", b"/ping"):
            path = _path_of(path)
        if path == b"/invocations":
            _allow(request.method, ("POST",))
            return self._invoke(request)
        if path == b"/ping":
            _allow(request.method, ("GET", "HEAD"))
            return Response(503 if self.draining else 200)
        if path == b"/execution-parameters":
            _allow(request.method, ("GET", "HEAD"))
            return Response(200, self._execution_parameters(), JSON)
        shown = path[:120].decode("latin-1")
        raise InvocationError(404, f"there is nothing at {shown}; ask /ping or /invocations")

    def _invoke(self, request: Request) -> Response | Callable[[], Response]:
        if "upgrade" in (request.header(b"connection") or "").lower():
            # the parser takes the body for the other protocol's
            raise InvocationError(400, "only HTTP/1.1 is spoken here; send the request without Upgrade")
        encoding = (request.header(b"content-encoding") or "").strip().lower()
        if encoding not in ("", "identity"):
            raise InvocationError(415, f"content encoding {encoding[:60]} is not supported; send the body as it is")
        attributes = request.header(ATTRIBUTES_HEADER) or ""
        arguments = (request.body, request.header(b"content-type"), request.header(b"accept"), attributes)
        if len(request.body) <= self._inline_bytes and not attributes:
            return self._answer(*arguments)
        return lambda: _guarded(self._answer, *arguments)

    def _answer(self, *arguments: Any) -> Response:
        answer = self._service.invoke(*arguments)
        extra = b""
        if answer.attributes:
            extra = b"%b: %b\r\n" % (ATTRIBUTES_HEADER, answer.attributes.encode("ascii"))
        return Response(200, answer.body, answer.content_type, extra)

    def _execution_parameters(self) -> bytes:
        """Source: "Custom Inference Code with Batch Transform" in AWS's developer guide."""
        parameters = {
            "MaxConcurrentTransforms": self._workers,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": _TRANSFORM_PAYLOAD_MEGABYTES,
        }
        return json.dumps(parameters).encode()


class MethodError(InvocationError):
    """The path has no such method; `allowed` are those it has."""

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(405, f"{method} is not allowed here; use {' or '.join(allowed)}")
        self.allowed = allowed


def _guarded(function: Callable[..., _Result], *arguments: Any) -> _Result | Response:
    """What the function returns, or the response to what it raises."""
    try:
        return function(*arguments)
    except MethodError as error:
        return error_response(error, b"allow: %b\r\n" % ", ".join(error.allowed).encode())
    except InvocationError as error:
        return error_response(error)
    except Exception:  # noqa: BLE001 - the one place where a bug must not reach the client
        reference = uuid.uuid4().hex[:12]
        print(f"unexpected error {reference}:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
        message = f"the server failed; its log has the cause under the reference {reference}"
        return error_response(InvocationError(500, message))


def _allow(method: bytes, allowed: tuple[str, ...]) -> None:
    if method.decode("ascii") not in allowed:
        raise MethodError(method.decode("ascii"), allowed)


def _path_of(url: bytes) -> bytes:
    """Without the query, and of an absolute address without scheme and host. Raises InvocationError(400)."""
    try:
        path: bytes = httptools.parse_url(url).path or b""
    except httptools.HttpParserInvalidURLError as error:
        raise InvocationError(400, f"{url[:120]!r} is no address") from error
    return path


def _inline_bytes(service: Predictor | InferenceCode) -> int:
    if not isinstance(service, Predictor):
        return -1
    return min(_INLINE_BYTES, _INLINE_WORK * service.schema.width // max(1, service.num_trees))
