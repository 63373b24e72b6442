"""The limits of a connection. No answer is lost. The tests use a socket and short limits."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from lgbm_runtime.core.decoding import MAX_BODY_BYTES
from lgbm_runtime.serving.http_connection import Limits
from tests.contract.test_http import read_answers
from tests.runtime.served import LIMITS, Served, request


def seconds_to_end(connection: socket.socket) -> float:
    began = time.monotonic()
    while connection.recv(65536):
        pass
    return time.monotonic() - began


def test_connection_is_closed_when_no_request_comes(served: Served) -> None:
    with served.connect() as fresh, served.connect() as used:
        time.sleep(0.2)
        used.sendall(request(b"a"))
        read_answers(used, 1)
        answered = time.monotonic()
        assert seconds_to_end(fresh) < 5
        assert seconds_to_end(used) < 5
        assert time.monotonic() - answered > 0.3


def test_request_gets_408_when_it_is_not_whole_in_time(served: Served) -> None:
    with served.connect() as connection:
        began = time.monotonic()
        # a byte now and then does not help
        for byte in request(b"a" * 100)[:-80]:
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(0.02)
        [(status, _)] = read_answers(connection, 1)
        assert status == 408
        assert 0.7 < time.monotonic() - began < 6


def test_client_has_60_seconds_for_a_request_and_75_until_the_next() -> None:
    served = Served(Limits())
    try:
        with served.connect() as connection:
            connection.sendall(request(b"first"))
            read_answers(connection, 1)
            [server_side] = served.site.connections
            assert 70 < server_side.deadline - time.monotonic() < 76
            # the second is answered while the third is not whole
            connection.sendall(request(b"second") + request(b"third")[:-1])
            read_answers(connection, 1)
            assert 55 < server_side.deadline - time.monotonic() < 61
            connection.sendall(b"d")
            read_answers(connection, 1)
            assert 70 < server_side.deadline - time.monotonic() < 76
    finally:
        served.close()


def test_client_that_does_not_read_is_cut_off(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"30000000", b"/large"))
        wait_for(lambda: len(served.site.connections) == 1)
        wait_for(lambda: not served.site.connections)


def test_pipeline_of_a_client_that_does_not_read_is_not_worked_on(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"20000000", b"/large") * 40)
        time.sleep(0.3)
        assert len(served.echo.seen) == 1


def test_answers_keep_their_order_when_the_first_takes_longest(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"first", b"/slow") + request(b"second") + request(b"third")[:-2])
        time.sleep(0.1)
        assert len(served.echo.seen) == 1
        connection.sendall(b"rd")
        served.echo.released.set()
        assert [body for _, body in read_answers(connection, 3)] == [b"first", b"second", b"third"]


def test_no_more_is_read_while_a_request_is_in_work(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"first", b"/slow"))
        time.sleep(0.1)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.sendall(request(b"x" * MAX_BODY_BYTES))


def test_work_may_take_longer_than_a_request(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"first", b"/slow"))
        time.sleep(LIMITS.request_seconds + LIMITS.idle_seconds)
        served.echo.released.set()
        assert read_answers(connection, 1) == [(200, b"first")]


def test_client_that_has_stopped_sending_gets_its_answer(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"first", b"/slow") + request(b"second"))
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        served.echo.released.set()
        assert [body for _, body in read_answers(connection, 2)] == [b"first", b"second"]
        assert connection.recv(1) == b""


def test_client_that_goes_away_while_its_request_is_in_work_harms_nobody(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"first", b"/slow"))
        wait_for(lambda: bool(served.echo.seen))
    served.echo.released.set()
    wait_for(lambda: not served.site.connections)
    with served.connect() as connection:
        connection.sendall(request(b"second"))
        assert read_answers(connection, 1) == [(200, b"second")]


def test_requests_before_one_that_is_no_http_are_answered(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"first", b"/slow") + request(b"second") + b"no request\r\n\r\n")
        time.sleep(0.1)
        served.echo.released.set()
        answers = read_answers(connection, 3)
    assert [status for status, _ in answers] == [200, 200, 400]


def test_refusal_arrives_when_the_client_goes_on_sending(served: Served) -> None:
    with served.connect() as connection:
        head = request(more=b"Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 0\r\n", b"")
        connection.sendall(head + b"zz\r\n")
        sender = threading.Thread(target=send_until_refused, args=(connection,))
        sender.start()
        assert read_answers(connection, 1)[0][0] == 400
        sender.join()
    wait_for(lambda: not served.site.connections)


def send_until_refused(connection: socket.socket) -> None:
    try:
        for _ in range(100):
            connection.sendall(b"x" * 100_000)
    except OSError:
        pass


def test_headers_are_refused_when_they_come_as_trailers_without_end(served: Served) -> None:
    # what comes with the last chunk in one read is not counted: far more than a read is sent
    head = request(more=b"Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 0\r\n", b"")
    with served.connect() as connection:
        connection.sendall(head + b"1\r\na\r\n0\r\nX: " + b"x" * 500_000)
        assert read_answers(connection, 1)[0][0] == 431
    with served.connect() as connection:
        connection.sendall(head + b"1\r\na\r\n0\r\nX: " + b"x" * (LIMITS.header_bytes - 1000) + b"\r\n\r\n")
        assert read_answers(connection, 1) == [(200, b"a")]


def test_trailers_are_no_headers(served: Served) -> None:
    head = request(more=b"Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 0\r\n", b"")
    with served.connect() as connection:
        connection.sendall(head + b"1\r\na\r\n0\r\nAccept: image/png\r\n\r\n" + request(b"second"))
        assert [body for _, body in read_answers(connection, 2)] == [b"a", b"second"]
    assert b"accept" not in served.echo.seen[0].headers


def test_continue_comes_after_the_answers_before_it(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"first", b"/slow"))
        connection.sendall(request(b"second", more=b"Expect: 100-continue\r\n")[: -len(b"second")])
        time.sleep(0.1)
        served.echo.released.set()
        assert read_to(connection, b"100 Continue\r\n\r\n").endswith(b"\r\n\r\nfirstHTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(b"second")
        assert read_answers(connection, 1) == [(200, b"second")]


def test_head_has_no_body(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"abc", method=b"HEAD") + request(b"second"))
        text = read_to(connection, b"second")
    assert b"content-length: 3\r\n\r\nHTTP/1.1 200 OK" in text


def test_date_is_now(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"a"))
        [line] = [line for line in connection.recv(1000).split(b"\r\n") if line.startswith(b"date: ")]
    sent = time.strptime(line.decode(), "date: %a, %d %b %Y %H:%M:%S GMT")
    assert abs(time.mktime(sent) - time.mktime(time.gmtime())) < 5


def read_to(connection: socket.socket, end: bytes) -> bytes:
    """Read all bytes up to and including `end`."""
    text = b""
    while not text.endswith(end):
        received = connection.recv(1)
        assert received, f"the connection was closed after {text!r}"
        text += received
    return text


def wait_for(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.01)
