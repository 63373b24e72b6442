"""A cache of parsed request headers."""

from __future__ import annotations

from lgbm_runtime.serving.http_messages import Head

_END = b"\r\n\r\n"
# 256 are enough: the requests of one client often have the same headers, apart from the length of the body.
_MOST = 256
_LONGEST = 4096


class HeadCache:
    """Maps the bytes of a request's headers to the parsed headers.

    Clients repeat their headers, and a look-up takes a tenth of the time of parsing. Use the cache only for bytes that
    begin with the start of a request. Elsewhere, equal bytes may have another meaning.
    """

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}

    def find(self, data: bytes) -> tuple[Head, bytes] | None:
        """Return the head and the body if `data` is one request with a head in the cache."""
        end = data.find(_END) + len(_END)
        head = self._heads.get(data[:end])
        if head is None or len(data) != end + head.content_length:
            return None
        return head, data[end:]

    def add(self, data: bytes, head: Head, body: bytes) -> None:
        """Add `head` to the cache. `data` is the only request that the parser has found.

        Do nothing if the length of the body is not the `content-length` in the head.
        """
        end = data.find(_END) + len(_END)
        is_plain = not head.headers.keys() & {b"transfer-encoding", b"expect", b"upgrade"}
        if is_plain and end <= _LONGEST and len(data) == end + head.content_length and data[end:] == body:
            if len(self._heads) == _MOST:
                self._heads.clear()
            self._heads[data[:end]] = head
