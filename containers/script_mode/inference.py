"""The script of pattern C. AWS's XGBoost image runs it.

The image calls `model_fn` to load the model, and `transform_fn` to answer a request. The first process of the image
also imports this file, only to check it. To keep that import fast, the functions import their modules themselves. The
file must run on Python 3.8, which image 1.5-1 has.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from traceback import format_exc
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple

if TYPE_CHECKING:
    from lgbm_runtime.core.errors import InvocationError
    from lgbm_runtime.core.predictor import Predictor
    from lgbm_runtime.core.user_code import InferenceCode

# The name of the user's file, which is next to this one. Without it, the functions of lgbm_runtime answer.
PROGRAM_VARIABLE = "LGBM_RUNTIME_PROGRAM"
_JSON = "application/json"
# The first two bytes of gzip data after the image has replaced the second one, which is not UTF-8.
_DAMAGED_GZIP = "\x1f\ufffd".encode()
# In the images up to 1.7-1, each worker installs the code again during its first request. Two workers that install at
# the same time break each other's installation. The image imports this file after the first installation and before it
# starts the workers. So this variable turns the later installations into dry runs. pip 22.2 and newer support it.
_DRY_RUN_VARIABLE = "PIP_DRY_RUN"
os.environ[_DRY_RUN_VARIABLE] = "1"


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def model_fn(model_dir: str) -> Predictor | InferenceCode:
    """Check the files in `model_dir`, load the model, and make one prediction.

    The check compares the files with their manifest. After an error, the log shows the reason, the image answers the
    ping with 500, and the next ping calls this function again. Raises ModelError and LibraryError.
    """
    from lgbm_runtime.core.errors import ModelError
    from lgbm_runtime.core.lightgbm_library import LibraryError
    from lgbm_runtime.core.manifest import check_model

    # without the variable, a pip that the user's code runs does install
    os.environ.pop(_DRY_RUN_VARIABLE, None)
    try:
        remark = check_model(Path(model_dir), os.environ)
        service = load(Path(model_dir), os.environ)
        service.prove()
    except (ModelError, LibraryError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        os.environ[_DRY_RUN_VARIABLE] = "1"
        raise
    if remark:
        print(remark, file=sys.stderr, flush=True)
    return service


def transform_fn(service: Predictor | InferenceCode, content: str | bytes, _content_type: str, _accept: str) -> Any:
    """Return a Flask Response to the current request.

    The image has decoded the request's body into `content`.
    """
    # imported here, because only the image has Flask, and other programs import this file too
    flask = importlib.import_module("flask")
    request = flask.request
    reply = reply_to(service, raw_body(request.environ, content), request.headers)
    return flask.Response(reply.body, reply.status, dict(reply.headers))


def load(model_path: Path, environment: Mapping[str, str]) -> Predictor | InferenceCode:
    """Load the model in `model_path` and the user's code. Raises ModelError and LibraryError."""
    from lgbm_runtime.core.predictor import Predictor
    from lgbm_runtime.core.user_code import load_service

    program = environment.get(PROGRAM_VARIABLE)
    if not program:
        return Predictor.load(model_path)
    # SAGEMAKER_PROGRAM names this file, not the user's
    return load_service(model_path, {**environment, "SAGEMAKER_PROGRAM": program})


def reply_to(service: Predictor | InferenceCode, body: bytes, headers: Mapping[str, str]) -> Reply:
    """Answer a request.

    `headers` must ignore the case of names, or spell them as this function does. This function must not raise an
    exception: the image would answer with an HTML page and status 500.
    """
    from lgbm_runtime.core.compression import decoded
    from lgbm_runtime.core.decoding import MAX_BODY_BYTES
    from lgbm_runtime.core.errors import InvocationError, unexpected_error
    from lgbm_runtime.core.user_functions import ATTRIBUTES_HEADER

    try:
        if body.startswith(_DAMAGED_GZIP):
            raise InvocationError(415, "this image damages compressed text; send the body uncompressed")
        body = decoded(body, headers.get("Content-Encoding"), MAX_BODY_BYTES)
        answer = service.invoke(
            body, headers.get("Content-Type"), headers.get("Accept"), headers.get(ATTRIBUTES_HEADER, "")
        )
        attributes = {ATTRIBUTES_HEADER: _header_text(answer.attributes)} if answer.attributes else {}
        return Reply(200, {"Content-Type": answer.content_type, **attributes}, answer.body)
    except InvocationError as error:
        return _refusal(error)
    except Exception:  # noqa: BLE001 - a bug must not reach the client
        return _refusal(unexpected_error(format_exc()))


def raw_body(environ: Mapping[str, Any], content: str | bytes) -> bytes:
    """Return the bytes of the body as the client sent them.

    In `content`, the image has decoded CSV and JSON as UTF-8 and replaced invalid bytes by U+FFFD. Before version 2.0,
    Werkzeug keeps the request in `environ`, so its bytes are still there. Newer versions do not. Source:
    `populate_request` in Werkzeug's documentation of BaseRequest.
    """
    request = environ.get("werkzeug.request")
    if request is not None:
        body: bytes = request.get_data()
        return body
    return content.encode() if isinstance(content, str) else content


def _refusal(error: InvocationError) -> Reply:
    return Reply(error.status, {"Content-Type": _JSON}, json.dumps(error.to_json()).encode())


def _header_text(attributes: str) -> str:
    """Return `attributes`. Raises ValueError for characters that a header must not contain."""
    if not (attributes.isascii() and attributes.isprintable()):
        raise ValueError(f"custom attributes must be printable ASCII; the inference code set {attributes[:60]!r}")
    return attributes
