"""Pattern C's script, which AWS's XGBoost image runs.

The image loads the model with `model_fn` and answers requests with `transform_fn`. The image's first process also
imports this file, only as a check, so each function imports its modules itself. The file must run on Python 3.8, the
version in image 1.5-1.
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

# The user's file next to this one; without it, the program's own functions answer.
PROGRAM_VARIABLE = "LGBM_RUNTIME_PROGRAM"
_JSON = "application/json"
# In the images up to 1.7-1 each worker installs the code again, within its first request: workers that do so at the
# same time break each other's installation. This file is imported after the first installation and before there are
# workers, so the variable turns the later ones into dry runs. pip supports it from version 22.2 on.
_DRY_RUN_VARIABLE = "PIP_DRY_RUN"
os.environ[_DRY_RUN_VARIABLE] = "1"


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def model_fn(model_dir: str) -> Predictor | InferenceCode:
    """Check the files in `model_dir`, load the model, and make one prediction.

    The files are compared with their manifest. If that fails, the image answers the ping with 500, and tries again at
    the next one. Raises ModelError and LibraryError; a line in the log gives the reason.
    """
    from lgbm_runtime.core.errors import ModelError
    from lgbm_runtime.core.lightgbm_library import LibraryError
    from lgbm_runtime.core.manifest import check_model

    # the user's code may run pip itself
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
    """Answer Flask's current request, which the image has decoded into the arguments.

    Returns a Response.
    """
    # only the image has it
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

    `headers` ignores the case of names, or uses the spelling in this function. It must not raise an exception: the
    image would answer with an HTML page and status 500.
    """
    from lgbm_runtime.core.decoding import check_content_encoding
    from lgbm_runtime.core.errors import InvocationError, unexpected_error
    from lgbm_runtime.core.user_functions import ATTRIBUTES_HEADER

    try:
        check_content_encoding(headers.get("Content-Encoding"))
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
    """Return the body as it was sent.

    The image decodes CSV and JSON, with U+FFFD for bytes that are not UTF-8.

    Source: `populate_request` in Werkzeug's documentation of BaseRequest: `environ` holds the last request, here the
    one of `content`. Since version 2.0, it does not.
    """
    request = environ.get("werkzeug.request")
    if request is not None:
        body: bytes = request.get_data()
        return body
    return content.encode() if isinstance(content, str) else content


def _refusal(error: InvocationError) -> Reply:
    return Reply(error.status, {"Content-Type": _JSON}, json.dumps(error.to_json()).encode())


def _header_text(attributes: str) -> str:
    """Return the text. Raises ValueError if a header cannot hold it."""
    if not (attributes.isascii() and attributes.isprintable()):
        raise ValueError(f"the inference code set {attributes[:60]!r} as custom attributes")
    return attributes
