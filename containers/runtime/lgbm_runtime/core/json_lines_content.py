"""The content type application/jsonlines: one row or prediction per line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from lgbm_runtime.core.content_codec import ContentType, text_of
from lgbm_runtime.core.json_content import finite
from lgbm_runtime.core.json_rows import rows_from_json_lines

if TYPE_CHECKING:
    from lgbm_runtime.core.rows import Rows
    from lgbm_runtime.core.schema import Schema


def decode(body: bytes, parameters: Mapping[str, str], schema: Schema) -> Rows:
    """Return the rows. Each line has one row or one record."""
    return rows_from_json_lines(text_of(body, parameters), schema)


def encode(values: Sequence[Any]) -> bytes:
    """Return one line per value. A number that is not finite becomes null."""
    return "".join(json.dumps(value, allow_nan=False) + "\n" for value in finite(values)).encode("ascii")


# JSON Lines has no registered media type, and clients use these three names
CONTENT_TYPE = ContentType(("application/jsonlines", "application/x-jsonlines", "application/jsonl"), decode, encode)
