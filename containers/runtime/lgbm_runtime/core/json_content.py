"""The content type application/json. An answer looks like `{"predictions": [...]}`."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from lgbm_runtime.core.content_codec import ContentType, text_of
from lgbm_runtime.core.json_rows import rows_from_json
from lgbm_runtime.core.media_type import JSON
from lgbm_runtime.core.optional_orjson import orjson

if TYPE_CHECKING:
    from lgbm_runtime.core.rows import Rows
    from lgbm_runtime.core.schema import Schema


def decode(body: bytes, parameters: Mapping[str, str], schema: Schema) -> Rows:
    """Return the rows in a JSON document."""
    return rows_from_json(text_of(body, parameters), schema)


def encode(values: Sequence[Any]) -> bytes:
    """Return the JSON document. Infinity and NaN become null, because JSON lacks them."""
    if orjson is not None and isinstance(values[0], (float, list)):
        return b'{"predictions": %b}' % orjson.dumps(values).replace(b",", b", ")
    return json.dumps({"predictions": finite(values)}, allow_nan=False).encode("ascii")


def finite(values: Sequence[Any]) -> list[Any]:
    """Replace each number that is not finite by None."""
    return [
        finite(value)
        if isinstance(value, list)
        else None
        if isinstance(value, float) and not math.isfinite(value)
        else value
        for value in values
    ]


CONTENT_TYPE = ContentType((JSON,), decode, encode)
