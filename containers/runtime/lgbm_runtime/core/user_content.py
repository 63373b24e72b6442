"""Convert requests to arguments of the user's functions, and their results to answers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lgbm_runtime.core.compression import GZIP_MAGIC, decompressed
from lgbm_runtime.core.content_codec import text_of
from lgbm_runtime.core.decoding import MAX_BODY_BYTES
from lgbm_runtime.core.encoding import negotiate
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.media_type import CSV, JSON, parse_media_type, split_elements
from lgbm_runtime.core.predictor import Answer
from lgbm_runtime.core.user_functions import ATTRIBUTES_HEADER

# A body of these types is passed to the user's code as text, as in SageMaker's toolkits. Any other body is bytes.
_TEXT_TYPES = (CSV, JSON)
_RESPONSE_ATTRIBUTES = ("get_data", "status_code", "content_type", "headers")


def content_for_user(body: bytes, content_type: str | None) -> tuple[str, str | bytes]:
    """Return the media type without parameters, and the body.

    A body of CSV or JSON is decompressed text without a byte order mark. The default content type is text/csv. Raises
    InvocationError: 400 if the body is not in its charset, 415 if the charset is not supported.
    """
    stated = (content_type or "").strip() or CSV
    media_type = parse_media_type(stated)
    if media_type is None:
        return stated, body
    if media_type.name not in _TEXT_TYPES:
        return media_type.name, body
    if body.startswith(GZIP_MAGIC):
        body = decompressed(body, MAX_BODY_BYTES)
    return media_type.name, text_of(body, media_type.parameters)


def media_type_for_user(accept: str | None) -> str:
    """Return the media type of the answer for the user's code.

    It is the program's media type that Accept prefers. If Accept allows none of those, it is the first type in Accept.
    """
    try:
        return negotiate(accept)
    except InvocationError:
        named = split_elements(accept or "")
        media_type = parse_media_type(named[0]) if named else None
        return CSV if media_type is None else media_type.name


def rows_of(prediction: Any) -> list[Any]:
    """Return one element per row: a number, a text, or a list of them.

    Raises TypeError for data without rows.
    """
    values = np.asarray(prediction)
    if values.ndim > 2 or values.size == 0 or values.dtype.kind not in "fiubU":
        kind = type(prediction).__name__
        raise TypeError(
            f"predict_fn returned a {kind}, which has no rows of numbers or texts: add an output_fn that encodes it"
        )
    rows: list[Any] = np.atleast_1d(values).tolist()
    return rows


def answer_of(result: Any, media_type: str, attributes: str) -> Answer:
    """Convert the result of output_fn or transform_fn to an answer.

    The result is the body, or the pair of the body and its content type. A body that is neither text nor bytes is
    encoded as JSON. Code for AWS's XGBoost image may return a Werkzeug Response. Raises TypeError if the body cannot be
    encoded, and InvocationError for a Response with an error status.
    """
    if all(hasattr(result, name) for name in _RESPONSE_ATTRIBUTES):
        return _answer_of_response(result, attributes)
    body, content_type = result if isinstance(result, tuple) and len(result) == 2 else (result, media_type)
    if not (isinstance(content_type, str) and content_type.isascii() and content_type.isprintable()):
        raise TypeError(
            f"the inference code returned the content type {content_type!r}, which is not printable ASCII text"
        )
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, (bytes, bytearray, memoryview)):
        body = json.dumps(body).encode()
    return Answer(bytes(body), content_type, attributes)


def _answer_of_response(response: Any, attributes: str) -> Answer:
    body: bytes = response.get_data()
    if response.status_code >= 400:
        raise InvocationError(response.status_code, body.decode("utf-8", "replace"))
    return Answer(body, response.content_type, response.headers.get(ATTRIBUTES_HEADER) or attributes)
