"""A cache of parsed request headers."""

from __future__ import annotations

from lgbm_runtime.serving.http_messages import Head

_END = b"\r\n\r\n"
# The headers of one client differ in little more than the length of the body.
_MOST = 256
_LONGEST = 4096


class HeadCache:
    """The parsed headers of requests by their bytes.

    Clients repeat their headers, and a look-up takes a tenth of the time of parsing. Use it only for bytes at the
    beginning of a request: there, equal bytes have equal meaning.
    """

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}

    def find(self, data: bytes) -> tuple[Head, bytes] | None:
        """Return head and body if `data` is one whole request and its head is in the cache."""
        end = data.find(_END) + len(_END)
        head = self._heads.get(data[:end])
        if head is None or len(data) != end + head.content_length:
            return None
        return head, data[end:]

    def add(self, data: bytes, head: Head, body: bytes) -> None:
        """Add the head of `data`, in which the parser has found this request and no other one.

        Heads that are followed by anything but `content-length` bytes are not added.
        """
        end = data.find(_END) + len(_END)
        is_plain = not head.headers.keys() & {b"transfer-encoding", b"expect", b"upgrade"}
        if is_plain and end <= _LONGEST and len(data) == end + head.content_length and data[end:] == body:
            if len(self._heads) == _MOST:
                self._heads.clear()
            self._heads[data[:end]] = head
