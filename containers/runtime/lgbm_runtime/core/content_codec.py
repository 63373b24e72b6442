"""The class of a content type, and the parameter `charset` of all content types."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, Sequence

from lgbm_runtime.core.errors import InvocationError

if TYPE_CHECKING:
    from lgbm_runtime.core.rows import Rows
    from lgbm_runtime.core.schema import Schema

_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,40}")
# These codecs of Python are not encodings of text files. The time of some grows with the square of the length.
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"})


class ContentType(NamedTuple):
    """A format of requests and answers.

    `names` are the media types of the format in lower case. The usual one is first.

    `decode` reads the body of a request. Its second argument holds the parameters of Content-Type. It raises
    InvocationError: 400 if the body does not fit the format or the schema, 415 if the charset is not supported.

    `encode` writes the body of an answer. Its argument has one element per row: a number, a text or a list of numbers.
    """

    names: tuple[str, ...]
    decode: Callable[[bytes, Mapping[str, str], Schema], Rows]
    encode: Callable[[Sequence[Any]], bytes]


def text_of(body: bytes, parameters: Mapping[str, str]) -> str:
    """Return the body as text, without a byte order mark.

    `parameters` may specify the charset. The default is UTF-8. Raises InvocationError: 400 if the body is not in the
    charset, 415 if the charset is not supported.
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
