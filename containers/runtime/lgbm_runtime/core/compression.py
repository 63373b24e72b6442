"""Decompress the bodies of requests.

SageMaker removes the header Content-Encoding, so the first bytes of a body can also show that it is compressed.
"""

from __future__ import annotations

import zlib

from lgbm_runtime.core.errors import InvocationError

GZIP_MAGIC = b"\x1f\x8b"
_GZIP_NAMES = ("gzip", "x-gzip")
_WINDOW_BITS = 16 + zlib.MAX_WBITS
# A gzip body can have several members. Many small members would take too long: the time grows with the square of their
# number.
_MEMBERS = 16


def states_gzip(encoding: str | None) -> bool:
    """Return whether the header Content-Encoding states gzip.

    Raises InvocationError(415) for another compression.
    """
    name = (encoding or "").strip().lower()
    if name in ("", "identity"):
        return False
    if name not in _GZIP_NAMES:
        raise InvocationError(
            415, f"content encoding {name[:60]} is not supported; use gzip, or send the body as it is"
        )
    return True


def decoded(body: bytes, encoding: str | None, limit: int) -> bytes:
    """Return the body without the compression that the header Content-Encoding states.

    Raises InvocationError: 415 for a compression other than gzip, and the errors of `decompressed`.
    """
    return decompressed(body, limit) if states_gzip(encoding) else body


def decompressed(body: bytes, limit: int) -> bytes:
    """Return the content of a gzip body (RFC 1952).

    At most one byte more than `limit` is decompressed. Raises InvocationError: 400 if the body is not gzip data, is
    incomplete or has other data at its end, 413 if the content is larger than `limit` bytes.
    """
    parts: list[bytes] = []
    size = 0
    for _ in range(_MEMBERS):
        member = zlib.decompressobj(_WINDOW_BITS)
        try:
            # a limit of 0 would mean no limit
            part = member.decompress(body, limit - size + 1)
        except zlib.error as error:
            raise InvocationError(400, "the body is not valid gzip data") from error
        size += len(part)
        if size > limit:
            raise InvocationError(
                413, f"the decompressed body is larger than {limit} bytes; send it in several requests"
            )
        parts.append(part)
        if not member.eof:
            raise InvocationError(400, "the gzip data in the body is truncated")
        body = member.unused_data
        if not body:
            return b"".join(parts)
    raise InvocationError(400, f"the body has more than {_MEMBERS} gzip members; compress it as one")
