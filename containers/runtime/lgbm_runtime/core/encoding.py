"""Convert predictions to the body of an answer, in a format that the client accepts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Callable, Sequence

from lgbm_runtime.core.content_types import BY_NAME, SUPPORTED
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.media_type import CSV, parse_media_type, split_elements

# RFC 9110, 12.4.2
_QUALITY = re.compile(r"0?\.\d{0,3}|0|1(\.0{0,3})?")


# the clients of one endpoint send few different ones
@lru_cache(maxsize=64)
def negotiate(accept: str | None) -> str:
    """Return the best of the supported media types; text/csv if the client names none.

    Source: RFC 9110, 12.5.1. The most specific range decides about a type. Among types of equal quality, the first in
    Accept is used, then the first in content_types.py. Parameters other than `q` are ignored. Raises
    InvocationError(406).
    """
    if accept is None or not accept.strip():
        return CSV
    ranges = _ranges(accept)
    candidates = []
    for name in BY_NAME:
        found = ranges.get(name) or ranges.get(name.split("/")[0] + "/*") or ranges.get("*/*")
        if found is not None and found[0] > 0:
            candidates.append((found[0], -found[1], name))
    if not candidates:
        raise InvocationError(406, f"none of the types in {accept[:120]!r} is supported; supported: {SUPPORTED}")
    return max(candidates, key=lambda candidate: candidate[:2])[2]


def encode(values: Sequence[Any], media_type: str) -> bytes:
    """Return the body.

    `values` has one element per row: a number, a text or a list of numbers. Numbers keep every bit: they are written
    with the fewest digits that give the same float64, as orjson spells them (`1e-7`, ten times as fast) if it is
    installed, else as Python does (`1e-07`).
    """
    return encoder(media_type)(values)


def encoder(media_type: str) -> Callable[[Sequence[Any]], bytes]:
    """Return `encode` for one of the supported media types."""
    return BY_NAME[media_type].encode


def _ranges(accept: str) -> dict[str, tuple[float, int]]:
    """Return each media range with its quality and its position.

    Malformed ranges are left out.
    """
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
