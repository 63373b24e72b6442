"""Check `aws.tags` by AWS's rules for tags.

Source: AWS General Reference, "Tag naming limits and requirements".
"""

import unicodedata
from collections.abc import Mapping

from lgbm_sm import contract
from lgbm_sm.config import values
from lgbm_sm.config.problems import RefusedPartsError, collecting

OURS = "lgbm-sm:"
_OUR_TAGS = 2
_MOST_TAGS_OF_USERS = contract.MOST_TAGS - _OUR_TAGS


def value(given: object) -> str:
    """Return the value of a tag as text. Raise ValueError if AWS does not accept the value."""
    text = values.variable(given)
    _check(text, "a tag's value", contract.TAG_VALUE_CHARACTERS)
    return text


def keys(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return the tags. Raise ValueError if AWS does not accept a key, or so many tags."""
    if len(tags) > _MOST_TAGS_OF_USERS:
        raise ValueError(
            f"must be at most {_MOST_TAGS_OF_USERS} tags (AWS allows {contract.MOST_TAGS}, and lgbm-sm sets two), "
            f"got {len(tags)}"
        )
    refused: dict[str | int, ValueError] = {}
    for key in tags:
        with collecting(refused, key):
            _check_key(key)
    if refused:
        raise RefusedPartsError(refused)
    return tags


def _check_key(key: str) -> None:
    if not key:
        raise ValueError("a tag's key must not be empty")
    if key.lower().startswith("aws:"):
        raise ValueError('keys that begin with "aws:" are reserved for AWS')
    if key.lower().startswith(OURS):
        raise ValueError(f'keys that begin with "{OURS}" are reserved for lgbm-sm')
    _check(key, "a tag's key", contract.TAG_KEY_CHARACTERS)


def _check(text: str, what: str, longest: int) -> None:
    if len(text) > longest:
        raise ValueError(f"{what} must have at most {longest} characters, got {len(text)}")
    # L, N and Z are Unicode's letters, numbers and separators
    if any(sign not in contract.TAG_SIGNS and unicodedata.category(sign)[0] not in "LNZ" for sign in text):
        raise ValueError(f'{what} may have letters, digits, spaces and {" ".join(contract.TAG_SIGNS)}, got "{text}"')
