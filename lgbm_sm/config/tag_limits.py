"""What `aws.tags` takes: AWS's limits on tags. Source: AWS General Reference, "Tag naming limits and requirements"."""

import unicodedata
from collections.abc import Mapping

from lgbm_sm.config import values
from lgbm_sm.config.problems import RefusedPartsError

OURS = "lgbm-sm:"
_LONGEST_KEY = 128
_LONGEST_VALUE = 256
# AWS takes 50 on a resource, of which lgbm-sm sets two
_MOST_TAGS = 48
_SIGNS = "_.:/=+-@"


def value(given: object) -> str:
    """Return a tag's value as text, or raise ValueError: AWS does not take it."""
    text = values.variable(given)
    _check(text, "a tag's value", _LONGEST_VALUE)
    return text


def keys(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return the tags, or raise ValueError: AWS does not take one of the keys, or that many."""
    if len(tags) > _MOST_TAGS:
        raise ValueError(f"at most {_MOST_TAGS} tags, since AWS takes 50 and lgbm-sm sets two; got {len(tags)}")
    refused: dict[str | int, ValueError] = {}
    for key in tags:
        try:
            _check_key(key)
        except ValueError as error:
            refused[key] = error
    if refused:
        raise RefusedPartsError(refused)
    return tags


def _check_key(key: str) -> None:
    if not key:
        raise ValueError("a tag's key must not be empty")
    if key.lower().startswith("aws:"):
        raise ValueError('keys that begin with "aws:" are AWS\'s own')
    if key.lower().startswith(OURS):
        raise ValueError(f'keys that begin with "{OURS}" are lgbm-sm\'s own')
    _check(key, "a tag's key", _LONGEST_KEY)


def _check(text: str, what: str, longest: int) -> None:
    if len(text) > longest:
        raise ValueError(f"{what} must have at most {longest} characters, got {len(text)}")
    # L, N and Z are Unicode's letters, numbers and separators
    if any(sign not in _SIGNS and unicodedata.category(sign)[0] not in "LNZ" for sign in text):
        raise ValueError(f'{what} may have letters, digits, spaces and {" ".join(_SIGNS)}, got "{text}"')
