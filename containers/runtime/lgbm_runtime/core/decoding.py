"""From the body of a request to the matrix that LightGBM predicts on."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from lgbm_runtime.core.csv_rows import rows_from_csv
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.json_rows import rows_from_json, rows_from_json_lines
from lgbm_runtime.core.media_type import CSV, JSON, SUPPORTED, parse_media_type
from lgbm_runtime.core.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MAX_BODY_BYTES", "Decoded", "decode", "rows_from_csv", "too_large"]

# "Model Hosting FAQs" in AWS's developer guide: 25 MB for real-time endpoints.
MAX_BODY_BYTES = 25 * 1024 * 1024

_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,40}")
# Python's codecs that are no encodings of a text file, some of them quadratic.
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"})


@dataclass(frozen=True)
class Decoded:
    """`matrix`: float64 (rows, features), C-contiguous, NaN where a cell is missing.

    `unseen`: (feature, level) pairs that the schema does not know, and that became missing.
    """

    matrix: NDArray[np.float64]
    unseen: tuple[tuple[str, str], ...]


def decode(body: bytes, content_type: str | None, schema: Schema) -> Decoded:
    """The rows in the body. A missing content type is text/csv.

    Raises InvocationError: 400 for a body that does not fit the content type or the schema, 413 for one over
    MAX_BODY_BYTES, 415 for a content type or charset that is not supported.
    """
    if len(body) > MAX_BODY_BYTES:
        raise too_large()
    media_type = parse_media_type(content_type) if content_type and content_type.strip() else None
    if media_type is None and content_type and content_type.strip():
        raise _unsupported(content_type)
    name, parameters = media_type or (CSV, {})
    if name not in SUPPORTED:
        raise _unsupported(name)
    charset = parameters.get("charset", "utf-8")
    if name == CSV:
        rows = rows_from_csv(_utf8(body, charset), schema, header=_header(parameters))
    elif name == JSON:
        rows = rows_from_json(_text(body, charset), schema)
    else:
        rows = rows_from_json_lines(_text(body, charset), schema)
    return Decoded(np.ascontiguousarray(rows.matrix), rows.unseen)


@lru_cache(maxsize=64)
def is_plain_csv(content_type: str | None) -> bool:
    """Whether a body of this type is CSV in UTF-8 that may have a header or not."""
    if content_type is None or not content_type.strip():
        return True
    media_type = parse_media_type(content_type)
    if media_type is None or media_type.name != CSV or "header" in media_type.parameters:
        return False
    return media_type.parameters.get("charset", "utf-8").lower() == "utf-8"


def too_large() -> InvocationError:
    return InvocationError(413, f"the body is larger than {MAX_BODY_BYTES} bytes; send it in several requests")


def _unsupported(content_type: str) -> InvocationError:
    shown = content_type[:60]
    return InvocationError(415, f"content type {shown} is not supported; supported: {', '.join(SUPPORTED)}")


def _header(parameters: dict[str, str]) -> bool | None:
    """The parameter `header` of text/csv. Source: RFC 4180, section 3."""
    value = parameters.get("header")
    if value is None:
        return None
    if value.lower() not in ("present", "absent"):
        raise InvocationError(400, f"the content type's header parameter is {value[:60]}, not present or absent")
    return value.lower() == "present"


def _utf8(body: bytes, charset: str) -> bytes:
    """The body in UTF-8."""
    if body.isascii() and charset.lower() == "utf-8":
        return body
    try:
        return _text(body, charset).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvocationError(400, f"the body is not {charset}") from error


def _text(body: bytes, charset: str) -> str:
    """The body as text, without a byte order mark."""
    try:
        if not _CHARSET.fullmatch(charset) or codecs.lookup(charset).name in _NO_CHARSETS:
            raise LookupError
        text = body.decode(charset)
    except LookupError as error:
        raise InvocationError(415, f"charset {charset[:60]} is not supported; use utf-8") from error
    except UnicodeDecodeError as error:
        raise InvocationError(400, f"the body is not {charset}: {error.reason} at byte {error.start}") from error
    except UnicodeError as error:
        raise InvocationError(400, f"the body is not {charset}") from error
    return text[1:] if text.startswith("\ufeff") else text
