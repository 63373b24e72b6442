"""Parse the different ways to write a list for LightGBM.

LightGBM itself reads only `1,0` and `[0,1],[2]`. In a list of integers, it reads any other text as 0. For example, it
reads `(1,0)` as 0, 0.

lgbm_runtime and lgbm_sm each have a copy of this module, because neither imports the other. The copies are equal.
"""

from __future__ import annotations

import re
from typing import Any

_CLOSING = {"[": "]", "(": ")"}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_QUOTED = re.compile(r"""(["'])((?:(?!\1).)*)\1""")
_LARGEST = 2**31 - 1  # LightGBM's integers have 32 bits


def list_of(kind: str, value: Any) -> Any:
    """Return the list of a parameter of LightGBM's type `kind`, such as vector<int>.

    `value` is a list, a number, or a text such as `[1, 0]`, `(1, 0)` or `1,0`. A list of lists may also be written
    `[0,1],[2]`. A list of texts without brackets stays text. Raises ValueError for a wrong item. The message has the
    position of the first wrong item.
    """
    if kind == "vector<string>":
        in_brackets = isinstance(value, str) and _unquoted(value)[:1] in _CLOSING
        return [_unquoted(str(item)) for item in _items(value)] if in_brackets or isinstance(value, list) else value
    items = _items(value)
    if kind != "vector<vector<int>>":
        return [_number(kind, item, position) for position, item in enumerate(items, 1)]
    if not any(map(_is_list, items)):
        items = [items] if items else []
    return [_group(item, position) for position, item in enumerate(items, 1)]


def _group(item: Any, position: int) -> list[Any]:
    if not _is_list(item):
        raise ValueError(f"item {position} is {item!r}: expected a list of integers")
    try:
        return [_number("vector<int>", one, inner) for inner, one in enumerate(_items(item), 1)]
    except ValueError as error:
        raise ValueError(f"item {position}: {error}") from error


def _number(kind: str, item: Any, position: int) -> Any:
    wanted = "an integer" if kind == "vector<int>" else "a number"
    value = item
    if isinstance(item, str):
        text = _unquoted(item)
        if _INTEGER.fullmatch(text):
            value = int(text)
        elif _DECIMAL.fullmatch(text):
            value = float(text)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) != float("inf")
    if not is_number or (kind == "vector<int>" and not (isinstance(value, int) and abs(value) <= _LARGEST)):
        raise ValueError(f"item {position} is {item!r}: expected {wanted}")
    return value


def _is_list(item: Any) -> bool:
    return isinstance(item, list) or (isinstance(item, str) and item[:1] in _CLOSING)


def _items(value: Any) -> list[Any]:
    """Return the items of a list, or of a text with or without brackets around the whole."""
    if isinstance(value, list):
        return value
    items = _split(_unquoted(str(value).strip()))
    if len(items) == 1 and items[0][:1] in _CLOSING:
        return _split(items[0][1:-1])
    return items


def _split(text: str) -> list[str]:
    """Split the text at the commas outside of brackets."""
    items, expected = [""], ""
    for character in text:
        if character in _CLOSING:
            expected += _CLOSING[character]
        elif character in _CLOSING.values():
            if expected[-1:] != character:
                raise ValueError(f"the brackets do not match in {text}")
            expected = expected[:-1]
        if character == "," and not expected:
            items.append("")
        else:
            items[-1] += character
    if expected:
        raise ValueError(f"the brackets do not match in {text}")
    items = [item.strip() for item in items]
    return items if items[-1] else items[:-1]  # a comma after the last item, as in (1,)


def _unquoted(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return quoted[2] if quoted else text
