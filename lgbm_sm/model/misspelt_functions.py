"""Find functions in the user's inference code whose names are misspelt.

`lgbm_runtime.core.misspelt_names` applies the same rule when the server starts.
"""

import ast
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

_EDITS = 2


class MisspeltFunction(NamedTuple):
    """A function at the top level of a file, and the name that it probably should have."""

    line: int
    name: str
    meant: str


def misspelt_functions(body: Sequence[ast.stmt], known: Collection[str]) -> list[MisspeltFunction]:
    """Return the public top-level functions within two edits of a known name.

    Capital letters do not count as edits.
    """
    found = []
    for line, name in _functions(body):
        if name in known or name.startswith("_"):
            continue
        near = [(edits, one) for edits in range(_EDITS + 1) for one in known if is_within(name.lower(), one, edits)]
        if near:
            found.append(MisspeltFunction(line, name, near[0][1]))
    return found


def is_within(text: str, other: str, edits: int) -> bool:
    """Return whether `edits` edits turn `text` into `other`.

    One edit inserts, removes or replaces a character, or swaps two neighbours.
    """
    while text and other and text[0] == other[0]:
        text, other = text[1:], other[1:]
    if text == other:
        return True
    if edits == 0 or abs(len(text) - len(other)) > edits:
        return False
    if len(text) > 1 and text[:2] == other[1::-1] and is_within(text[2:], other[2:], edits - 1):
        return True
    return any(is_within(*pair, edits - 1) for pair in ((text[1:], other), (text, other[1:]), (text[1:], other[1:])))


def _functions(body: Sequence[ast.stmt]) -> Iterator[tuple[int, str]]:
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name, lineno=line) | ast.AsyncFunctionDef(name=name, lineno=line):
                yield line, name
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for inner in ("body", "orelse", "finalbody"):
                    yield from _functions(getattr(statement, inner, []))
                for handler in getattr(statement, "handlers", []):
                    yield from _functions(handler.body)
