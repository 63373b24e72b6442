"""Search the known issues for an error message or the end of a log."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Texts = Annotated[tuple[_Text, ...], msgspec.Meta(min_length=1)]
_ISSUES_PATH = Path(__file__).with_name("issues.yaml")


class KnownIssue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record of issues.yaml, whose first lines describe the fields."""

    id: _Text
    patterns: _Texts
    cause: _Text
    fix: _Text
    source: _Text
    samples: _Texts

    def matches(self, text: str) -> bool:
        """Return whether one of the patterns is found in `text`."""
        return any(re.search(pattern, text, re.IGNORECASE | re.MULTILINE) for pattern in self.patterns)


def read_issues(document: bytes) -> tuple[KnownIssue, ...]:
    """Return the records of a document like issues.yaml.

    Raises:
        msgspec.ValidationError: a record lacks a field, or has one that does not exist.
    """
    return msgspec.yaml.decode(document, type=tuple[KnownIssue, ...])


@cache
def known_issues() -> tuple[KnownIssue, ...]:
    """Return all known issues, from specific to general.

    The file is read at the first call, since only errors need it.
    """
    return read_issues(_ISSUES_PATH.read_bytes())


def find_issues(text: str) -> tuple[KnownIssue, ...]:
    """Return the known issues that match `text`, the most specific first.

    `text` is an error message, a FailureReason, the end of a log, or several of these joined. A cause in the log
    comes before the symptom that AWS reports.
    """
    return tuple(issue for issue in known_issues() if issue.matches(text))
