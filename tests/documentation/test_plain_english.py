"""The texts that people read do not contain the words in plain_english.txt."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documentation import prose

WORDS = [
    tuple(line.split(" => ", 1))
    for line in (Path(__file__).parent / "plain_english.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
PARTS: tuple[Callable[[], prose.Texts], ...] = (
    prose.markdown,
    prose.configuration_comments,
    prose.help_texts,
    prose.messages,
    prose.docstrings_and_comments,
)


def found_in(texts: prose.Texts) -> list[str]:
    """Return the place, the word and its plain form, once for each word and text."""
    return [
        f"{place}: {match[0]!r}: {plain}"
        for place, text in texts
        for word, plain in WORDS
        if (match := re.search(rf"(?<![\w-])(?:{word})(?![\w-])", text, re.IGNORECASE))
    ]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_no_word_is_used_that_has_a_plain_form(part: Callable[[], prose.Texts]) -> None:
    assert len(list(part())) > 0
    assert found_in(part()) == []


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Mend the file.", "fix"),
        ("a number below 1 is wanted, not 2", "expected X, got Y; must be below 1, got 2"),
        ("the token cannot be had", "could not get, failed to read, is available"),
        ("an image of AWS's", "SageMaker's X"),
        ("a limit of SageMaker's that applies", "SageMaker's X"),
        ("the file, whoever wrote it", "anyone, users"),
        ("--set goes before the file", "takes precedence, overrides"),
        ("names parted by dots", "separated by"),
        ("a known trouble", "known issue"),
        ("an unseen level", "categories, unseen category"),
    ],
)
def test_a_word_is_found_with_its_plain_form(text: str, plain: str) -> None:
    assert [line.split(": ", 2)[2] for line in found_in(iter([("here", text)]))] == [plain]


@pytest.mark.parametrize(
    "text",
    [
        "We recommend it.",
        "Troubleshooting",
        "troubles_seen.txt",
        "The column has 3 levels.",
        "AWS's image",
        "The version of AWS's XGBoost image.",
        "a level crossing",
    ],
)
def test_other_words_are_left_alone(text: str) -> None:
    assert found_in(iter([("here", text)])) == []


def test_code_is_left_alone_and_words_across_lines_are_found() -> None:
    code = "See `mend`.\n\n```python\nmend = 1\n```\n\n[text](mend.md) <!-- mend -->\n"
    assert found_in(iter([("here", prose.without_code(code))])) == []
    assert len(found_in(iter([("here", prose.without_code("It cannot be had. `a`"))]))) == 1
