"""Answer requests to /ping, /invocations and /execution-parameters."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from functools import partial

import httptools

from lgbm_runtime.core.compression import GZIP_MAGIC, decompressed, states_gzip
from lgbm_runtime.core.decoding import MAX_BODY_BYTES
from lgbm_runtime.core.errors import InvocationError, unexpected_error
from lgbm_runtime.core.media_type import JSON
from lgbm_runtime.core.predictor import Predictor
from lgbm_runtime.core.user_code import InferenceCode
from lgbm_runtime.serving.http_messages import Handler, Head, Response, error_response, response_start

ATTRIBUTES_HEADER = b"x-amzn-sagemaker-custom-attributes"
# A request below these limits is answered in the event loop, where it blocks other requests for a millisecond or two.
# The first limit is the size of the body. The second one is the size x trees / features.
_INLINE_BYTES = 32 * 1024
_INLINE_WORK = 250_000
# The largest payload that batch transform sends in one request. 6 MB is also SageMaker's default.
_TRANSFORM_PAYLOAD_MEGABYTES = 6


class App:
    """Serves one predictor, or the user's inference code.

    Small requests are answered in the event loop. A thread answers larger requests and all requests for the user's
    code, so that the event loop can answer /ping in the meantime. `workers` is the number of parallel requests that
    batch transform should send.
    """

    def __init__(self, service: Predictor | InferenceCode, workers: int) -> None:
        self.draining = False
        self._service = service
        self._inline_bytes = _inline_bytes(service)
        self._workers = workers

    def handler(self, head: Head) -> Handler:
        """Return the function that answers requests with this head.

        Neither this method nor the returned function raises an exception.
        """
        try:
            return self._handler(head)
        except Exception as error:  # noqa: BLE001 - see _response_to
            response = _response_to(error)
            return lambda _body: response

    def _handler(self, head: Head) -> Handler:
        path = head.url
        if path not in (b"/invocations", b"/ping"):
            path = _path_of(path)
        if path == b"/invocations":
            _allow(head.method, (b"POST",))
            return self._invocations(head)
        if path == b"/ping":
            _allow(head.method, (b"GET", b"HEAD"))
            return lambda _body: (response_start(503 if self.draining else 200), b"")
        if path == b"/execution-parameters":
            _allow(head.method, (b"GET", b"HEAD"))
            return lambda _body: (response_start(200, JSON), self._execution_parameters())
        shown = path[:120].decode("latin-1")
        raise InvocationError(404, f"{shown} does not exist; use /ping or /invocations")

    def _invocations(self, head: Head) -> Handler:
        is_gzip = states_gzip(head.header(b"content-encoding"))
        attributes = head.header(ATTRIBUTES_HEADER) or ""
        answer = self._service.handler(head.header(b"content-type"), head.header(b"accept"), attributes)
        # with custom attributes, always use the thread: they may request an output that takes long
        inline_bytes = -1 if attributes else self._inline_bytes

        def respond(body: bytes) -> Response:
            try:
                content, content_type, returned = answer(decompressed(body, MAX_BODY_BYTES) if is_gzip else body)
            except Exception as error:  # noqa: BLE001 - see _response_to
                return _response_to(error)
            extra = b"%b: %b\r\n" % (ATTRIBUTES_HEADER, returned.encode("ascii")) if returned else b""
            return response_start(200, content_type, extra), content

        def handle(body: bytes) -> Response | Callable[[], Response]:
            # a small gzip body may have a large content
            if len(body) <= inline_bytes and not body.startswith(GZIP_MAGIC):
                return respond(body)
            return partial(respond, body)

        return handle

    def _execution_parameters(self) -> bytes:
        """Return the JSON of /execution-parameters.

        Source: "Custom Inference Code with Batch Transform" in AWS's developer guide.
        """
        parameters = {
            "MaxConcurrentTransforms": self._workers,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": _TRANSFORM_PAYLOAD_MEGABYTES,
        }
        return json.dumps(parameters).encode()


class MethodError(InvocationError):
    """The path does not allow the method of the request. `allowed` are its methods."""

    def __init__(self, method: bytes, allowed: tuple[bytes, ...]) -> None:
        super().__init__(405, f"{method.decode()} is not allowed for this path; use {b' or '.join(allowed).decode()}")
        self.allowed = allowed


def _response_to(error: Exception) -> Response:
    """Return the response to an error.

    After an unexpected error, the response contains a reference to the traceback in the log.
    """
    if isinstance(error, MethodError):
        return error_response(error, b"allow: %b\r\n" % b", ".join(error.allowed))
    if isinstance(error, InvocationError):
        return error_response(error)
    return error_response(
        unexpected_error("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    )


def _allow(method: bytes, allowed: tuple[bytes, ...]) -> None:
    if method not in allowed:
        raise MethodError(method, allowed)


def _path_of(url: bytes) -> bytes:
    """Return the path of a relative or absolute URL, without the query.

    Raises InvocationError(400) if the URL is invalid.
    """
    try:
        path: bytes = httptools.parse_url(url).path or b""
    except httptools.HttpParserInvalidURLError as error:
        raise InvocationError(400, f"{url[:120]!r} is not a URL") from error
    return path


def _inline_bytes(service: Predictor | InferenceCode) -> int:
    if not isinstance(service, Predictor):
        return -1
    return min(_INLINE_BYTES, _INLINE_WORK * service.schema.width // max(1, service.num_trees))
