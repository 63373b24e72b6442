"""Answer the toolkit's requests with lgbm_runtime.core and the user's functions."""

from __future__ import annotations

import io
import json
import os
import sys
from http import HTTPStatus
from pathlib import Path
from traceback import format_exc
from typing import Any

from sagemaker_inference.errors import (  # type: ignore[import-not-found]
    BaseInferenceToolkitError,
    GenericInferenceToolkitError,
)
from sagemaker_inference.transformer import Transformer  # type: ignore[import-not-found]

from lgbm_runtime.core.compression import decoded
from lgbm_runtime.core.decoding import MAX_BODY_BYTES
from lgbm_runtime.core.errors import InvocationError, ModelError, unexpected_error
from lgbm_runtime.core.lightgbm_library import LibraryError
from lgbm_runtime.core.predictor import Answer, Predictor
from lgbm_runtime.core.user_code import InferenceCode, load_service
from lgbm_runtime.core.user_functions import ATTRIBUTES_HEADER
from lgbm_toolkit.settings import ACCEPT_VARIABLE, threads_of
from lgbm_toolkit.worker_locks import WorkerLocks

_JSON = "application/json"


class RequestRefusedError(BaseInferenceToolkitError):  # type: ignore[misc] # the toolkit has no types
    """An InvocationError as an error of the toolkit. `body` is the body of the answer."""

    def __init__(self, error: InvocationError) -> None:
        super().__init__(error.status, error.message, _phrase(error.status))
        self.body = error.to_json()


class LightgbmTransformer(Transformer):  # type: ignore[misc] # the toolkit has no types
    """Replaces the toolkit's decoding, its choice of content types and its error messages.

    It holds locks that show the entry point the state of this worker.
    """

    def __init__(self) -> None:
        super().__init__()
        self._answering: Predictor | InferenceCode | None = None
        self._locks = WorkerLocks(os.environ)
        if isinstance(sys.stdout, io.TextIOWrapper):
            # without a buffer, Python writes a line and its line break separately, so lines of two workers could mix
            sys.stdout.reconfigure(line_buffering=True, write_through=False)

    def validate_and_initialize(self, model_dir: str, context: Any = None) -> None:
        """Load the model. End the worker if that fails.

        The toolkit would continue without a model.
        """
        try:
            self._answering = load_service(Path(model_dir), os.environ, threads_of(os.environ), context=context)
        except (ModelError, LibraryError) as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            raise SystemExit(1) from error
        self._locks.hold_serving()

    def transform(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answer the requests in `data`. It has one request, unless the server is set to batch."""
        with self._locks.busy():
            return [self._transform_one(request, context, index) for index, request in enumerate(data)]

    def _transform_one(self, request: dict[str, Any], context: Any, index: int) -> bytes:
        headers = {name.lower(): value for name, value in context.get_all_request_header(index).items()}
        try:
            answer = self._answer(bytes(request.get("body") or b""), headers, context)
        except InvocationError as error:
            return self.handle_error(context, RequestRefusedError(error), "", index)
        except Exception as error:  # noqa: BLE001 - a bug must not reach the client
            return self.handle_error(context, GenericInferenceToolkitError(500, repr(error)), format_exc(), index)
        context.set_response_content_type(index, answer.content_type)
        if answer.attributes:
            context.set_response_header(index, ATTRIBUTES_HEADER, answer.attributes)
        return answer.body

    def _answer(self, body: bytes, headers: dict[str, str], context: Any) -> Answer:
        if self._answering is None:
            raise TypeError("the server sent a request before it initialized the service")
        body = decoded(body, headers.get("content-encoding"), MAX_BODY_BYTES)
        accept = headers.get("accept")
        if not accept or accept.strip() == "*/*":
            accept = os.environ.get(ACCEPT_VARIABLE)
        arguments = (body, headers.get("content-type"), accept, headers.get(ATTRIBUTES_HEADER.lower(), ""))
        if isinstance(self._answering, InferenceCode):
            answer = self._answering.invoke(*arguments, context=context)
        else:
            answer = self._answering.invoke(*arguments)
        if len(answer.body) > MAX_BODY_BYTES:
            # with a larger answer, the server takes the worker for dead
            raise InvocationError(413, f"the answer is larger than {MAX_BODY_BYTES} bytes; send fewer rows at once")
        return answer

    @staticmethod
    def handle_error(context: Any, inference_exception: Any, trace: str, index: int = 0) -> bytes:
        """Return the body of the answer for an error.

        An unexpected error goes to the log. The client gets a reference to the log entry.
        """
        if isinstance(inference_exception, RequestRefusedError):
            document = inference_exception.body
        else:
            document = unexpected_error(trace, inference_exception.status_code).to_json()
        status = inference_exception.status_code
        context.set_response_status(code=status, phrase=_phrase(status), idx=index)
        context.set_response_content_type(index, _JSON)
        return json.dumps(document).encode()


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
