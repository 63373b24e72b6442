"""Parse the media types in the headers Content-Type and Accept (RFC 9110, 8.3.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

CSV = "text/csv"
JSON = "application/json"

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"\s*({_WORD}/{_WORD}|\*)\s*(?=;|$)")
_PARAMETER = re.compile(rf';\s*(?:({_WORD})\s*=\s*({_WORD}|"(?:[^"\\]|\\.)*")\s*)?(?=;|$)')
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"|")+')


class MediaType(NamedTuple):
    """A media type. `name` (such as `text/csv`) and the parameters' names are in lower case."""

    name: str
    parameters: dict[str, str]


def parse_media_type(text: str) -> MediaType | None:
    """Return the media type, or None if the text is not a media type.

    If two parameters have the same name, the first one is used.
    """
    match = _TYPE.match(text)
    if match is None:
        return None
    name, position = match.group(1).lower(), match.end()
    parameters: dict[str, str] = {}
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            return None
        if match.group(1):
            value = match.group(2)
            if value.startswith('"'):
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            parameters.setdefault(match.group(1).lower(), value)
        position = match.end()
    return MediaType(name, parameters)


def split_elements(text: str) -> list[str]:
    """Split a header at its commas, except commas in quotes."""
    return [element for element in (one.strip() for one in _ELEMENT.findall(text)) if element]
