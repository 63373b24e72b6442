"""The parts of a page of `explain`."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LONGEST_LINE = 160  # a longer line is cut


@dataclass(frozen=True)
class Section:
    """A title and the lines below it."""

    title: str
    lines: tuple[str, ...]


def section(title: str, *parts: str | Iterable[str]) -> Section:
    """Return a section. Each part is a line or several lines."""
    lines = [line for part in parts for line in ((part,) if isinstance(part, str) else part)]
    return Section(title, tuple(lines))


def shortened(text: str) -> str:
    """Cut a line after 160 characters."""
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"


def indented(lines: Iterable[str]) -> list[str]:
    """Indent the lines by two spaces."""
    return [f"  {line}" for line in lines]


def json_lines(document: object, width: int = 100) -> list[str]:
    """Return a document as lines of JSON. Each object or array that fits is on one line."""
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
    """Return a line for each name and its text. All texts begin in the same column."""
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name.ljust(width)}  {text}".rstrip() for name, text in rows]
