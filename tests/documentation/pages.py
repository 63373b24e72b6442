"""Read the code blocks of the documentation and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted((CHECKOUT / "docs").glob("*.md"))
GUIDES = [*PAGES, CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md"]

_BLOCK = re.compile(
    r"^(?:<!-- (?P<comment>(?:file|run)[^>]*?) -->\n)?(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_INLINE = re.compile(r"(?<!`)`(lgbm-sm [^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Command:
    """A `$` line, and the output that the page shows below it."""

    text: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    `kinds` are the kinds after `run:`. `file` is the name after `file:`.
    """

    page: str
    language: str
    text: str
    kinds: frozenset[str]
    file: str | None

    @property
    def commands(self) -> list[Command]:
        """Return the commands of the block. Only a console block has commands."""
        if self.language != "console":
            return []
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)
        assert parts[0].strip() == "", f"{self.page}: a console block begins with a command"
        lines = [part.rstrip("\n").split("\n") for part in parts[1:]]
        return [Command(first, tuple(rest)) for first, *rest in lines]


def blocks_of(page: Path) -> list[Block]:
    """Return the code blocks of a page in their order."""
    return [_block(page.name, match) for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))]


def _block(page: str, match: re.Match[str]) -> Block:
    said = dict(part.strip().partition(":")[::2] for part in (match["comment"] or "").split(",") if part.strip())
    said = {name: value.strip() for name, value in said.items()}
    text = "\n".join(line.removeprefix(match["indent"]) for line in match["text"].split("\n"))
    return Block(
        page,
        match["language"],
        text,
        frozenset(said.get("run", "").split()),
        said.get("file"),
    )


def shown_calls(page: Path) -> Iterator[list[str]]:
    """Yield the arguments of each `lgbm-sm` command in the blocks of a page."""
    for block in blocks_of(page):
        if block.language in ("console", "sh"):
            yield from _calls("\n".join(command.text for command in block.commands) or block.text)


def named_calls(page: Path) -> Iterator[list[str]]:
    """Yield the arguments of each `lgbm-sm` command in the text of a page.

    Values of options are often missing there.
    """
    for inline in _INLINE.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        yield from _calls(inline)


def _calls(script: str) -> Iterator[list[str]]:
    for line in re.sub(r"\d+\)(?= )", ";", script).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        arguments: list[str] | None = None
        at_start = True
        for word in [*lexer, ";"]:
            if set(word) <= set("|&;<>"):
                if arguments is not None:
                    yield arguments
                arguments, at_start = None, True
            elif arguments is not None:
                arguments.append(word)
            elif word == "lgbm-sm" and at_start:
                arguments = []
            else:
                # a variable may stand before a command
                at_start = at_start and re.match(r"[A-Z_]+=", word) is not None


def make_targets_of(page: Path) -> set[str]:
    """Return the make targets that a page mentions."""
    return set(re.findall(r"(?:`|\$ )make ([a-z][a-z-]*)", page.read_text(encoding="utf-8")))
