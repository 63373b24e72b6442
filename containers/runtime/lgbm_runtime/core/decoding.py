"""Convert the body of a request to a matrix for LightGBM."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lgbm_runtime.core.compression import GZIP_MAGIC, decompressed
from lgbm_runtime.core.content_types import BY_NAME, SUPPORTED
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.media_type import CSV, parse_media_type

if TYPE_CHECKING:
    from lgbm_runtime.core.rows import Rows
    from lgbm_runtime.core.schema import Schema

# "Model Hosting FAQs" in AWS's developer guide: 25 MB for real-time endpoints.
MAX_BODY_BYTES = 25 * 1024 * 1024


def decode(body: bytes, content_type: str | None, schema: Schema) -> Rows:
    """Return the rows in the body. The default content type is text/csv.

    A body that begins like gzip data is decompressed. No content type has a body that begins like this.

    Raises InvocationError: 400 if the body does not fit the content type or the schema, 413 if the body is larger than
    MAX_BODY_BYTES, 415 if the content type or the charset is not supported.
    """
    if len(body) > MAX_BODY_BYTES:
        raise too_large()
    if body.startswith(GZIP_MAGIC):
        body = decompressed(body, MAX_BODY_BYTES)
    stated = (content_type or "").strip() or CSV
    media_type = parse_media_type(stated)
    format_ = None if media_type is None else BY_NAME.get(media_type.name)
    if media_type is None or format_ is None:
        shown = (stated if media_type is None else media_type.name)[:60]
        raise InvocationError(415, f"content type {shown} is not supported; supported: {SUPPORTED}")
    return format_.decode(body, media_type.parameters, schema)


@lru_cache(maxsize=64)
def is_plain_csv(content_type: str | None) -> bool:
    """Return whether this type is CSV in UTF-8 without the parameter `header`."""
    if content_type is None or not content_type.strip():
        return True
    media_type = parse_media_type(content_type)
    if media_type is None or media_type.name != CSV or "header" in media_type.parameters:
        return False
    return media_type.parameters.get("charset", "utf-8").lower() == "utf-8"


def too_large() -> InvocationError:
    """Return the error for a body that is larger than MAX_BODY_BYTES."""
    return InvocationError(413, f"the body is larger than {MAX_BODY_BYTES} bytes; send it in several requests")
