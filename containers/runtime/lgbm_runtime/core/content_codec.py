"""One format of requests and answers, and the parameter `charset` that all of them have."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, Sequence

from lgbm_runtime.core.errors import InvocationError

if TYPE_CHECKING:
    from lgbm_runtime.core.rows import Rows
    from lgbm_runtime.core.schema import Schema

_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,40}")
# Python's codecs that are not encodings of a text file, some of them quadratic.
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"})


class ContentType(NamedTuple):
    """A format of requests and answers.

    `names` are its media types in lower case, the usual one first. `decode` reads a request's body; its second argument
    holds the parameters of Content-Type. It raises InvocationError: 400 for a body that does not fit the format or the
    schema, 415 for a charset that is not supported. `encode` writes an answer; its argument has one element per row: a
    number, a text or a list of numbers.
    """

    names: tuple[str, ...]
    decode: Callable[[bytes, Mapping[str, str], Schema], Rows]
    encode: Callable[[Sequence[Any]], bytes]


def text_of(body: bytes, parameters: Mapping[str, str]) -> str:
    """Return the body as text, without a byte order mark.

    The charset is UTF-8 unless the parameters specify another.

    Raises InvocationError: 400 for a body that is not in this charset, 415 for a charset that is not supported.
    """
    charset = parameters.get("charset", "utf-8")
    try:
        if not _CHARSET.fullmatch(charset) or codecs.lookup(charset).name in _NO_CHARSETS:
            raise LookupError
        text = body.decode(charset)
    except LookupError as error:
        raise InvocationError(415, f"charset {charset[:60]} is not supported; use utf-8") from error
    except UnicodeDecodeError as error:
        raise InvocationError(400, f"the body is not {charset}: {error.reason} at byte {error.start}") from error
    except UnicodeError as error:
        raise InvocationError(400, f"the body is not {charset}") from error
    return text[1:] if text.startswith("\ufeff") else text
