"""The texts that people read, without code."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from typing import Any

import yaml
from typer import Context
from typer.main import get_command

import lgbm_sm.cli  # noqa: F401 - gathers the commands
from lgbm_sm.commands.app import app
from tests.documentation.pages import CHECKOUT

Texts = Iterator[tuple[str, str]]
"""A place, such as a file with its line, and a text."""

_CODE = re.compile(r"^ *```.*?^ *```|<!--.*?-->|``.*?``|`[^`]*`|\]\([^)]*\)", re.DOTALL | re.MULTILINE)
_INDENTED_BLOCK = re.compile(r"(?<=\n\n)(?: {4}.*\n)+", re.MULTILINE)
_SOURCES = ("lgbm_sm", "containers")
_MARKDOWN = ("*.md", "docs/*.md", "containers/*/*.md", "benchmarks/**/*.md", "examples/**/*.md", "tests/**/*.md")
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def without_code(text: str) -> str:
    """Replace code, Markdown comments and link targets with a mark. Keep the number of lines."""
    return _CODE.sub(_mark, text)


def _mark(code: re.Match[str]) -> str:
    return "`" + "\n" * code[0].count("\n")


def markdown() -> Texts:
    paths = {path for pattern in _MARKDOWN for path in CHECKOUT.glob(pattern)}
    for path in sorted(paths | set((CHECKOUT / "lgbm_sm").rglob("*.md"))):
        text = _INDENTED_BLOCK.sub(_mark, path.read_text(encoding="utf-8"))
        for number, paragraph in _paragraphs(without_code(text)):
            yield f"{path.relative_to(CHECKOUT)}:{number}", paragraph


def configuration_comments() -> Texts:
    yield "config.yaml", _joined(re.findall(r"# ?(.*)$", (CHECKOUT / "config.yaml").read_text("utf-8"), re.MULTILINE))


def help_texts() -> Texts:
    program: Any = get_command(app)
    context = Context(program, info_name="lgbm-sm", terminal_width=100, max_content_width=100)
    yield "lgbm-sm --help", without_code(program.get_help(context))
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        own = Context(command, parent=context, info_name=name, terminal_width=100, max_content_width=100)
        yield f"lgbm-sm {name} --help", _joined(without_code(command.get_help(own)).splitlines())
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    yield "make", "\n".join(re.findall(r"^[a-z-]+:.*## (.*)$", makefile, re.MULTILINE))


def messages() -> Texts:
    """Return the texts in the sources, except docstrings.

    Of a formatted text, only the parts around its values are returned.
    """
    for place, tree in _trees():
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        inner |= {id(docstring) for docstring in _docstrings(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "`" for part in node.values)
                yield f"{place}:{node.lineno}", without_code("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
                yield f"{place}:{node.lineno}", without_code(node.value)
    for path in sorted(CHECKOUT.glob("lgbm_sm/**/*.yaml")):
        for text in _strings(yaml.safe_load(path.read_text(encoding="utf-8"))):
            yield str(path.relative_to(CHECKOUT)), without_code(text)


def docstrings_and_comments() -> Texts:
    for place, tree in _trees():
        for docstring in _docstrings(tree):
            yield f"{place}:{docstring.lineno}", without_code(_joined(str(docstring.value).splitlines()))
        source = (CHECKOUT / place).read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield f"{place}:{token.start[0]}", without_code(token.string)


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for folder in _SOURCES:
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            yield str(path.relative_to(CHECKOUT)), ast.parse(path.read_text(encoding="utf-8"))


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node) is not None:
            first = node.body[0]
            assert isinstance(first, ast.Expr)
            assert isinstance(first.value, ast.Constant)
            yield first.value


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Yield the paragraphs with the numbers of their first lines.

    A paragraph is searched as a whole, because a line break can separate two words.
    """
    for match in re.finditer(r"(?:^.*\S.*\n?)+", text, re.MULTILINE):
        yield text.count("\n", 0, match.start()) + 1, _joined(match[0].splitlines())


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)


def _strings(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for value in document.values():
            yield from _strings(value)
    elif isinstance(document, list):
        for value in document:
            yield from _strings(value)
