"""The cache of parsed headers has the right content, and it does not change the answers."""

from __future__ import annotations

import time

import pytest

from lgbm_runtime.serving.head_cache import HeadCache
from lgbm_runtime.serving.http_messages import Head
from tests.contract.test_http import read_answers
from tests.runtime.served import Served, request


def sent(body: bytes, *lines: bytes) -> tuple[bytes, Head]:
    """Return the bytes of a request and its parsed head."""
    head = Head()
    head.content_length = len(body)
    fields = (b"Content-Length: %d" % len(body), *lines)
    for line in fields:
        head.add_header(*line.split(b": ", 1))
    return b"\r\n".join((b"POST / HTTP/1.1", *fields, b"", body)), head


def test_request_is_found_by_its_head() -> None:
    heads = HeadCache()
    data, head = sent(b"1,2\n")
    assert heads.find(data) is None
    heads.add(data, head, b"1,2\n")
    assert heads.find(data) == (head, b"1,2\n")
    assert heads.find(data[:-4] + b"3,4\n") == (head, b"3,4\n")


def test_what_is_more_or_less_than_a_request_is_left_to_the_parser() -> None:
    heads = HeadCache()
    data, head = sent(b"1,2\n")
    heads.add(data, head, b"1,2\n")
    for other in (data[:-1], data + b"x", b"\r\n" + data, data[:20], b"", data + data, data.replace(b"/ ", b"/x ")):
        assert heads.find(other) is None


@pytest.mark.parametrize("line", [b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Upgrade: h2c"])
def test_request_that_is_more_than_head_and_body_is_not_added(line: bytes) -> None:
    heads = HeadCache()
    data, head = sent(b"1,2\n", line)
    heads.add(data, head, b"1,2\n")
    assert heads.find(data) is None


def test_large_heads_are_not_added() -> None:
    heads = HeadCache()
    data, head = sent(b"1,2\n", b"X: " + b"x" * 5000)
    heads.add(data, head, b"1,2\n")
    assert heads.find(data) is None


def test_clients_whose_heads_always_differ_take_little_memory() -> None:
    heads = HeadCache()
    for number in range(10_000):
        data, head = sent(b"1,2\n", b"Trace: %d" % number)
        heads.add(data, head, b"1,2\n")
    known = sum(heads.find(sent(b"1,2\n", b"Trace: %d" % number)[0]) is not None for number in range(10_000))
    assert 0 < known <= 256
    assert heads.find(sent(b"1,2\n", b"Trace: 9999")[0]) is not None


def test_head_in_the_cache_is_not_parsed_again_and_answered_the_same(served: Served) -> None:
    with served.connect() as connection, served.connect() as another:
        for one in (connection, another, connection):
            for body in (b"abc", b"def"):
                one.sendall(request(body))
                assert read_answers(one, 1) == [(200, body)]
    heads = {id(head) for head in served.echo.seen}
    assert (len(served.echo.seen), len(heads)) == (6, 1)


@pytest.mark.parametrize("size", [1, 7, 70, 71, 72, 75, 150])
def test_cached_head_changes_nothing_wherever_the_bytes_are_cut(size: int, served: Served) -> None:
    # a body that is itself a request whose head is in the cache
    within = request(request(b"abc"))
    text = request(b"abc") + within + request(b"ab") + request(b"abc") * 2 + request(b"", b"/ping", b"GET")
    with served.connect() as connection:
        connection.sendall(request(b"abc"))
        read_answers(connection, 1)
        for at in range(0, len(text), size):
            connection.sendall(text[at : at + size])
            time.sleep(0.002)
        bodies = [body for _, body in read_answers(connection, 6)]
    assert bodies == [b"abc", request(b"abc"), b"ab", b"abc", b"abc", b""]


def test_cached_head_within_a_body_is_the_body(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"abc"))
        read_answers(connection, 1)
        head, body = request(request(b"abc")).split(b"\r\n\r\n", 1)
        for part in (head + b"\r\n\r\n", body):
            connection.sendall(part)
            time.sleep(0.05)
        assert read_answers(connection, 1) == [(200, body)]


def test_cached_head_has_the_same_limits(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"abc"))
        assert read_answers(connection, 1) == [(200, b"abc")]
        connection.sendall(request(b"abc")[:-1])
        assert read_answers(connection, 1)[0][0] == 408


def test_cached_head_that_closes_the_connection_does_so_again(served: Served) -> None:
    text = request(b"abc", more=b"Connection: close\r\n")
    for _ in range(2):
        with served.connect() as connection:
            connection.sendall(text)
            assert read_answers(connection, 1) == [(200, b"abc")]
            assert connection.recv(1) == b""
