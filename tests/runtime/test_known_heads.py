"""Which heads are known again, and how many."""

from __future__ import annotations

import pytest

from lgbm_runtime.http_messages import Head
from lgbm_runtime.known_heads import KnownHeads


def sent(body: bytes, *lines: bytes) -> tuple[bytes, Head]:
    """A request's bytes, and what the parser makes of its head."""
    head = Head()
    head.content_length = len(body)
    fields = (b"Content-Length: %d" % len(body), *lines)
    for line in fields:
        head.add_header(*line.split(b": ", 1))
    return b"\r\n".join((b"POST / HTTP/1.1", *fields, b"", body)), head


def test_request_is_known_by_its_head() -> None:
    heads = KnownHeads()
    data, head = sent(b"1,2\n")
    assert heads.find(data) is None
    heads.remember(data, head, b"1,2\n")
    assert heads.find(data) == (head, b"1,2\n")
    assert heads.find(data[:-4] + b"3,4\n") == (head, b"3,4\n")


def test_what_is_more_or_less_than_a_request_is_left_to_the_parser() -> None:
    heads = KnownHeads()
    data, head = sent(b"1,2\n")
    heads.remember(data, head, b"1,2\n")
    for other in (data[:-1], data + b"x", b"\r\n" + data, data[:20], b"", data + data, data.replace(b"/ ", b"/x ")):
        assert heads.find(other) is None


@pytest.mark.parametrize("line", [b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Upgrade: h2c"])
def test_request_that_is_more_than_head_and_body_is_not_remembered(line: bytes) -> None:
    heads = KnownHeads()
    data, head = sent(b"1,2\n", line)
    heads.remember(data, head, b"1,2\n")
    assert heads.find(data) is None


def test_large_heads_are_not_remembered() -> None:
    heads = KnownHeads()
    data, head = sent(b"1,2\n", b"X: " + b"x" * 5000)
    heads.remember(data, head, b"1,2\n")
    assert heads.find(data) is None


def test_clients_whose_heads_always_differ_take_little_memory() -> None:
    heads = KnownHeads()
    for number in range(10_000):
        data, head = sent(b"1,2\n", b"Trace: %d" % number)
        heads.remember(data, head, b"1,2\n")
    known = sum(heads.find(sent(b"1,2\n", b"Trace: %d" % number)[0]) is not None for number in range(10_000))
    assert 0 < known <= 256
    assert heads.find(sent(b"1,2\n", b"Trace: 9999")[0]) is not None
