"""The content type text/csv: one row per line (RFC 4180)."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from lgbm_runtime.core.content_codec import ContentType, text_of
from lgbm_runtime.core.csv_rows import rows_from_csv
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.media_type import CSV
from lgbm_runtime.core.optional_orjson import orjson

if TYPE_CHECKING:
    from lgbm_runtime.core.rows import Rows
    from lgbm_runtime.core.schema import Schema


def decode(body: bytes, parameters: Mapping[str, str], schema: Schema) -> Rows:
    """Return the rows in the body.

    The parameter `header` states whether the first line has the names of the columns.
    """
    return rows_from_csv(_utf8(body, parameters), schema, header=header(parameters))


def encode(values: Sequence[Any]) -> bytes:
    """Return one line per row."""
    if not isinstance(values[0], (float, list)):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([value] for value in values)
        return text.getvalue().encode("utf-8", "backslashreplace")
    if orjson is not None:
        written: bytes = orjson.dumps(values)
        # orjson writes null for a number that is not finite
        if b"n" not in written:
            if isinstance(values[0], float):
                return written[1:-1].replace(b",", b"\n") + b"\n"
            return written[2:-2].replace(b"],[", b"\n") + b"\n"
    if isinstance(values[0], float):
        return ("\n".join(map(repr, values)) + "\n").encode("ascii")
    return "".join(",".join(map(repr, row)) + "\n" for row in values).encode("ascii")


def header(parameters: Mapping[str, str]) -> bool | None:
    """Return whether the parameter `header` is `present`. Source: RFC 4180, section 3."""
    value = parameters.get("header")
    if value is None:
        return None
    if value.lower() not in ("present", "absent"):
        raise InvocationError(400, f"the content type must have header=present or header=absent, got {value[:60]}")
    return value.lower() == "present"


def _utf8(body: bytes, parameters: Mapping[str, str]) -> bytes:
    charset = parameters.get("charset", "utf-8")
    if body.isascii() and charset.lower() == "utf-8":
        return body
    try:
        return text_of(body, parameters).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvocationError(400, f"the body is not {charset}") from error


CONTENT_TYPE = ContentType((CSV,), decode, encode)
