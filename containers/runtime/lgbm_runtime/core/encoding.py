"""From predictions to the body of an answer, in the format that the client accepts."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Callable

from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.media_type import CSV, JSON, SUPPORTED, parse_media_type, split_elements
from lgbm_runtime.core.optional_orjson import orjson

# RFC 9110, 12.4.2
_QUALITY = re.compile(r"0?\.\d{0,3}|0|1(\.0{0,3})?")


# the few that the clients of one endpoint send
@lru_cache(maxsize=64)
def negotiate(accept: str | None) -> str:
    """The best of the supported media types; text/csv where the client names none.

    Source: RFC 9110, 12.5.1. The more specific range decides over a type; of types that the client likes equally it
    gets the one it named first, then the one that stands first in SUPPORTED. Parameters other than `q` are ignored.
    Raises InvocationError(406).
    """
    if accept is None or not accept.strip():
        return CSV
    ranges = _ranges(accept)
    candidates = []
    for name in SUPPORTED:
        found = ranges.get(name) or ranges.get(name.split("/")[0] + "/*") or ranges.get("*/*")
        if found is not None and found[0] > 0:
            candidates.append((found[0], -found[1], name))
    if not candidates:
        raise InvocationError(406, f"nothing acceptable in {accept[:120]!r}; supported: {', '.join(SUPPORTED)}")
    return max(candidates, key=lambda candidate: candidate[:2])[2]


def encode(values: Sequence[Any], media_type: str) -> bytes:
    """The body: `values` has one element a row, a number, a text or a list of numbers.

    Numbers keep every bit: the fewest digits that give the same float64, in orjson's spelling where there is orjson
    (`1e-7`, ten times as fast), else in Python's (`1e-07`). text/csv is a row a line; JSON is `{"predictions": [...]}`;
    JSON Lines is an element a line. JSON has no infinity and no NaN: they are null there.
    """
    return encoder(media_type)(values)


def encoder(media_type: str) -> Callable[[Sequence[Any]], bytes]:
    """`encode` for one of the supported media types."""
    return _csv if media_type == CSV else _json if media_type == JSON else _json_lines


def _ranges(accept: str) -> dict[str, tuple[float, int]]:
    """Media range -> its quality and its position; ranges that are malformed are left out."""
    ranges: dict[str, tuple[float, int]] = {}
    for position, element in enumerate(split_elements(accept)):
        media_range = parse_media_type(element)
        if media_range is None:
            continue
        quality = media_range.parameters.get("q", "1")
        if _QUALITY.fullmatch(quality):
            # Java's HttpURLConnection sends `*; q=.2`
            name = "*/*" if media_range.name == "*" else media_range.name
            ranges.setdefault(name, (float(quality), position))
    return ranges


def _csv(values: Sequence[Any]) -> bytes:
    if not isinstance(values[0], (float, list)):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([value] for value in values)
        return text.getvalue().encode("utf-8", "backslashreplace")
    if orjson is not None:
        written: bytes = orjson.dumps(values)
        # it writes null for what is not finite
        if b"n" not in written:
            if isinstance(values[0], float):
                return written[1:-1].replace(b",", b"\n") + b"\n"
            return written[2:-2].replace(b"],[", b"\n") + b"\n"
    if isinstance(values[0], float):
        return ("\n".join(map(repr, values)) + "\n").encode("ascii")
    return "".join(",".join(map(repr, row)) + "\n" for row in values).encode("ascii")


def _json(values: Sequence[Any]) -> bytes:
    if orjson is not None and isinstance(values[0], (float, list)):
        return b'{"predictions": %b}' % orjson.dumps(values).replace(b",", b", ")
    return json.dumps({"predictions": _finite(values)}, allow_nan=False).encode("ascii")


def _json_lines(values: Sequence[Any]) -> bytes:
    return "".join(json.dumps(value, allow_nan=False) + "\n" for value in _finite(values)).encode("ascii")


def _finite(values: Sequence[Any]) -> list[Any]:
    return [
        _finite(value)
        if isinstance(value, list)
        else None
        if isinstance(value, float) and not math.isfinite(value)
        else value
        for value in values
    ]
