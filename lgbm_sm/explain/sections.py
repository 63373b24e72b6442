"""What a page of `explain` is made of."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LONGEST_LINE = 160  # of what programs and files say; whoever wants all of it looks there


@dataclass(frozen=True)
class Section:
    """A title and what there is to say under it, a line each."""

    title: str
    lines: tuple[str, ...]


def section(title: str, *parts: str | Iterable[str]) -> Section:
    """A section of lines, and of groups of lines."""
    lines = [line for part in parts for line in ((part,) if isinstance(part, str) else part)]
    return Section(title, tuple(lines))


def shortened(text: str) -> str:
    """A line of somebody else's, without what is beyond its 160th character."""
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"


def indented(lines: Iterable[str]) -> list[str]:
    """As what belongs to the line before."""
    return [f"  {line}" for line in lines]


def json_lines(document: object, width: int = 100) -> list[str]:
    """A document as JSON, in which whatever fits into a line is one."""
    line = json.dumps(document, ensure_ascii=False, default=str)
    if len(line) <= width or not isinstance(document, dict | list) or not document:
        return [line]
    named = document.items() if isinstance(document, dict) else ((None, value) for value in document)
    parts = []
    for name, value in named:
        first, *rest = json_lines(value, width - 2)
        key = "" if name is None else f"{json.dumps(name, ensure_ascii=False)}: "
        parts.append([f"{key}{first}", *rest])
    lines = [text for part in parts[:-1] for text in (*part[:-1], f"{part[-1]},")] + parts[-1]
    opening, closing = ("{", "}") if isinstance(document, dict) else ("[", "]")
    return [opening, *indented(lines), closing]


def aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    """A name and what it stands for, a line each."""
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name.ljust(width)}  {text}".rstrip() for name, text in rows]
