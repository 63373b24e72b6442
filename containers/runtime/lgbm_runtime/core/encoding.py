"""Choose a format that the client accepts, and write the predictions in it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Callable, Sequence

from lgbm_runtime.core.content_types import BY_NAME, SUPPORTED
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.media_type import CSV, parse_media_type, split_elements

# RFC 9110, 12.4.2
_QUALITY = re.compile(r"0?\.\d{0,3}|0|1(\.0{0,3})?")


# a cache of 64 is enough: the clients of one endpoint send few different values of Accept
@lru_cache(maxsize=64)
def negotiate(accept: str | None) -> str:
    """Return the supported media type that the header Accept prefers. The default is text/csv.

    The most specific range in Accept determines the quality of a type. Among types of equal quality, the one that comes
    first in Accept is used, then the one that comes first in content_types.py. Parameters other than `q` are ignored.
    Raises InvocationError(406) if Accept allows no supported type. Source: RFC 9110, 12.5.1.
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
    """Return the body of the answer.

    `values` has one element per row: a number, a text or a list of numbers. A number has the fewest digits that give
    the same float64 again. With orjson, which is ten times as fast, exponents look like `1e-7`. Without orjson, they
    look like `1e-07`.
    """
    return encoder(media_type)(values)


def encoder(media_type: str) -> Callable[[Sequence[Any]], bytes]:
    """Return `encode` for one of the supported media types."""
    return BY_NAME[media_type].encode


def _ranges(accept: str) -> dict[str, tuple[float, int]]:
    """Return the quality and the position of each media range. Ignore malformed ranges."""
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
