"""Connections, chunks, pipelines, and bytes that are not HTTP."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable, Mapping

import pytest

from tests.contract.answers import assert_still_right
from tests.contract.cases import LIMIT_BYTES, LINE
from tests.contract.models import REGRESSION, Model
from tests.contract.serving import Endpoint


@pytest.fixture
def endpoint(endpoints: Mapping[str, Endpoint], models: Mapping[str, Model]) -> Iterable[Endpoint]:
    yield endpoints[REGRESSION]
    assert_still_right(endpoints[REGRESSION], models[REGRESSION])


def request(body: bytes = LINE, method: bytes = b"POST", path: bytes = b"/invocations", more: bytes = b"") -> bytes:
    head = b"%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n" % (method, path, len(body))
    return head + more + b"\r\n" + body


CHUNKED = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"


def read_answers(connection: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Return (status, body) of the next `count` answers."""
    answers = []
    with connection.makefile("rb") as stream:
        for _ in range(count):
            status = int(stream.readline().split()[1])
            length = 0
            while (line := stream.readline()) != b"\r\n":
                assert line, "the answer ended in its headers"
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            answers.append((status, stream.read(length)))
    return answers


def prediction(endpoint: Endpoint) -> bytes:
    return endpoint.ask("POST", "/invocations", LINE, {"Content-Type": "text/csv"}).body


def test_connection_is_kept_after_answers_and_errors(endpoint: Endpoint) -> None:
    right = prediction(endpoint)
    with endpoint.connect() as connection:
        for body, status in ((LINE, 200), (b"x", 400), (LINE, 200), (b"", 400), (LINE, 200)):
            connection.sendall(request(body))
            [(seen, answer)] = read_answers(connection, 1)
            assert seen == status
            assert status != 200 or answer == right


def test_pipelined_requests_are_answered_in_their_order(endpoint: Endpoint) -> None:
    right = prediction(endpoint)
    with endpoint.connect() as connection:
        ping = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(request() + request(b"x") + ping + request(method=b"PUT") + request())
        answers = read_answers(connection, 5)
    assert [status for status, _ in answers] == [200, 400, 200, 405, 200]
    assert answers[0][1] == answers[4][1] == right


def test_chunked_body_is_read(endpoint: Endpoint) -> None:
    right = prediction(endpoint)
    with endpoint.connect() as connection:
        connection.sendall(CHUNKED)
        for start in range(0, len(LINE), 7):
            piece = LINE[start : start + 7]
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(0.002)
        connection.sendall(b"0\r\n\r\n")
        assert read_answers(connection, 1) == [(200, right)]


def test_chunked_body_is_refused_as_soon_as_it_is_too_large(endpoint: Endpoint) -> None:
    piece = b"1" * (1 << 20)
    with endpoint.connect() as connection:
        connection.sendall(CHUNKED)
        for _ in range(LIMIT_BYTES // len(piece) + 1):
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        [(status, body)] = read_answers(connection, 1)
    assert status == 413
    assert json.loads(body)["error"]["status"] == 413


def test_large_body_is_refused_before_it_is_sent(endpoint: Endpoint) -> None:
    with endpoint.connect() as connection:
        connection.sendall(CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: %d" % (LIMIT_BYTES + 1)))
        assert read_answers(connection, 1)[0][0] == 413


def test_large_body_gets_its_answer_when_the_client_wants_the_connection_closed(endpoint: Endpoint) -> None:
    with endpoint.connect() as connection:
        connection.sendall(request(b"1" * (LIMIT_BYTES + 1), more=b"Connection: close\r\n"))
        assert read_answers(connection, 1)[0][0] == 413


def test_body_is_asked_for_when_the_client_expects_it(endpoint: Endpoint) -> None:
    right = prediction(endpoint)
    with endpoint.connect() as connection:
        connection.sendall(request(more=b"Expect: 100-continue\r\n")[: -len(LINE)])
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(LINE)
        assert read_answers(connection, 1) == [(200, right)]


def test_old_http_is_answered_and_closed(endpoint: Endpoint) -> None:
    right = prediction(endpoint)
    with endpoint.connect() as connection:
        connection.sendall(b"POST /invocations HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(LINE), LINE))
        assert read_answers(connection, 1) == [(200, right)]
        assert connection.recv(1) == b""


@pytest.mark.parametrize(("method", "path", "status"), [(b"GET", b"/ping", 200), (b"POST", b"/invocations", 200)])
def test_request_for_another_protocol_is_answered_in_this_one(
    method: bytes, path: bytes, status: int, endpoint: Endpoint
) -> None:
    sent = request(LINE, method, path, more=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")
    expected = prediction(endpoint) if path == b"/invocations" else b""
    with endpoint.connect() as connection:
        # the connection stays open, and the second packet ends in the middle of a request
        for pieces in ([sent], [sent + sent + sent[:-9], sent[-9:]], [sent[:30], sent[30:]]):
            for piece in pieces:
                connection.sendall(piece)
            count = b"".join(pieces).count(b"h2c")
            assert read_answers(connection, count) == [(status, expected)] * count


def test_many_requests_for_another_protocol_in_one_packet_are_all_answered(endpoint: Endpoint) -> None:
    right = prediction(endpoint)
    with endpoint.connect() as connection:
        connection.sendall(request(LINE, more=b"Connection: Upgrade\r\nUpgrade: h2c\r\n") * 200)
        assert read_answers(connection, 200) == [(200, right)] * 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /ping HTTP/9.9\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /invocations HTTP/1.1\r\nBad Header: 1\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nX: \x00\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request_get_a_client_error(garbage: bytes, endpoint: Endpoint) -> None:
    with endpoint.connect() as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        head, _, body = _read_all(connection).partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert 400 <= status < 500
    assert b"application/json" in head
    assert json.loads(body)["error"]["status"] == status


@pytest.mark.parametrize("sent", [1, 30, len(request()) - 1])
def test_request_gets_no_answer_when_the_client_stops_sending_midway(sent: int, endpoint: Endpoint) -> None:
    with endpoint.connect() as connection:
        connection.sendall(request()[:sent])
        connection.shutdown(socket.SHUT_WR)
        assert _read_all(connection) == b""


def test_endless_headers_are_refused(endpoint: Endpoint) -> None:
    with endpoint.connect() as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nX: " + b"x" * 70_000)
        assert read_answers(connection, 1)[0][0] == 431
        assert connection.recv(1) == b""
    with endpoint.connect() as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nX: " + b"x" * 60_000 + b"\r\n\r\n")
        assert read_answers(connection, 1) == [(200, b"")]


@pytest.mark.parametrize("sent", [1, 30, 100, len(request()) - 1])
def test_client_that_goes_away_midway_harms_nobody(sent: int, endpoint: Endpoint) -> None:
    with endpoint.connect() as connection:
        connection.sendall(request()[:sent])


def test_client_that_does_not_read_its_answer_harms_nobody(endpoint: Endpoint) -> None:
    with endpoint.connect() as connection:
        body = b"\n".join([LINE] * 20_000)
        connection.sendall(request(body, more=b"X-Amzn-SageMaker-Custom-Attributes: output=contributions\r\n"))
        time.sleep(0.1)


def test_slow_clients_do_not_hold_up_others(endpoint: Endpoint) -> None:
    right = prediction(endpoint)
    slow = [endpoint.connect() for _ in range(40)]
    try:
        for connection in slow:
            connection.sendall(request()[:60])
        start = time.monotonic()
        for _ in range(20):
            assert prediction(endpoint) == right
        assert time.monotonic() - start < 2
        for connection in slow:
            connection.sendall(request()[60:])
        assert [read_answers(connection, 1) for connection in slow] == [[(200, right)]] * len(slow)
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.slow
def test_ping_answers_within_two_seconds_while_large_bodies_are_worked_on(endpoint: Endpoint) -> None:
    body = b"\n".join([LINE] * 200_000)
    busy = [endpoint.connect(60) for _ in range(4)]
    try:
        for connection in busy:
            connection.sendall(request(body))
        for _ in range(10):
            start = time.monotonic()
            with endpoint.connect() as connection:
                connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
                assert read_answers(connection, 1) == [(200, b"")]
            assert time.monotonic() - start < 2
        for connection in busy:
            assert read_answers(connection, 1)[0][0] == 200
    finally:
        for connection in busy:
            connection.close()


def _read_all(connection: socket.socket) -> bytes:
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)
