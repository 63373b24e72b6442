"""What a connection may cost, and what it never loses: on a real socket, with limits that a test can wait for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from lgbm_runtime.decoding import MAX_BODY_BYTES
from lgbm_runtime.http_connection import Connection, Limits, Site
from lgbm_runtime.http_messages import Handler, Head, Response, response_start
from tests.contract.test_http import read_answers

LIMITS = Limits(idle_seconds=0.4, request_seconds=0.8, discard_seconds=0.3)


class Echo:
    """Answers with the request's body; with /slow in a thread, after `released`; with /large as much as it says."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.seen: list[Head] = []

    def handler(self, head: Head) -> Handler:
        def handle(body: bytes) -> Response | Callable[[], Response]:
            self.seen.append(head)
            if head.url == b"/large":
                return response_start(200), b"x" * int(body)
            response = response_start(200, "text/plain"), body
            return self._waiting(response) if head.url == b"/slow" else response

        return handle

    def _waiting(self, response: Response) -> Callable[[], Response]:
        def wait() -> Response:
            assert self.released.wait(10)
            return response

        return wait


class Served:
    """A site on a loopback port, in a thread of its own."""

    def __init__(self, limits: Limits) -> None:
        self.echo = Echo()
        self.site = Site(self.echo, ThreadPoolExecutor(1), limits)
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()

    async def _serve(self) -> None:
        server = await self._loop.create_server(lambda: Connection(self.site, self._loop), sock=self._listener)
        while not self._stop.is_set():
            self.site.tick()
            await asyncio.sleep(0.02)
        server.close()
        for connection in list(self.site.connections):
            connection.transport.abort()
        while self.site.connections:  # noqa: ASYNC110 - a set has no event for "empty"
            await asyncio.sleep(0.01)

    def connect(self) -> socket.socket:
        return socket.create_connection(self._listener.getsockname(), timeout=10)

    def close(self) -> None:
        self.echo.released.set()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.site.executor.shutdown()
        self._loop.close()


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served(LIMITS)
    yield one
    one.close()


def request(body: bytes = b"", path: bytes = b"/", method: bytes = b"POST", more: bytes = b"") -> bytes:
    return b"%b %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n%b" % (method, path, len(body), more, body)


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
    head = request(more=b"Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 0\r\n", b"")
    with served.connect() as connection:
        connection.sendall(head + b"1\r\na\r\n0\r\nX: ")
        try:
            for _ in range(1000):
                connection.sendall(b"x" * 8192)
        except OSError:
            return  # refused and closed while it was still being sent
        assert read_answers(connection, 1)[0][0] == 431


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
        text = b""
        while not text.endswith(b"\r\n\r\nfirstHTTP/1.1 100 Continue\r\n\r\n"):
            text += connection.recv(1000)
        connection.sendall(b"second")
        assert read_answers(connection, 1) == [(200, b"second")]


def test_head_has_no_body(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"abc", method=b"HEAD") + request(b"second"))
        text = b""
        while b"second" not in text:
            text += connection.recv(1000)
    assert b"content-length: 3\r\n\r\nHTTP/1.1 200 OK" in text


def test_head_that_is_known_is_not_parsed_again_and_answered_the_same(served: Served) -> None:
    with served.connect() as connection, served.connect() as another:
        for one in (connection, another, connection):
            for body in (b"abc", b"def"):
                one.sendall(request(body))
                assert read_answers(one, 1) == [(200, body)]
    heads = {id(head) for head in served.echo.seen}
    assert (len(served.echo.seen), len(heads)) == (6, 1)


@pytest.mark.parametrize("size", [1, 7, 70, 71, 72, 75, 150])
def test_known_head_changes_nothing_wherever_the_bytes_are_cut(size: int, served: Served) -> None:
    # a body that is itself a request whose head is known
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


def test_known_head_within_a_body_is_the_body(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"abc"))
        read_answers(connection, 1)
        head, body = request(request(b"abc")).split(b"\r\n\r\n", 1)
        for part in (head + b"\r\n\r\n", body):
            connection.sendall(part)
            time.sleep(0.05)
        assert read_answers(connection, 1) == [(200, body)]


def test_known_head_has_the_same_limits(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"abc"))
        assert read_answers(connection, 1) == [(200, b"abc")]
        connection.sendall(request(b"abc")[:-1])
        assert read_answers(connection, 1)[0][0] == 408


def test_known_head_that_closes_the_connection_does_so_again(served: Served) -> None:
    text = request(b"abc", more=b"Connection: close\r\n")
    for _ in range(2):
        with served.connect() as connection:
            connection.sendall(text)
            assert read_answers(connection, 1) == [(200, b"abc")]
            assert connection.recv(1) == b""


def test_date_is_now(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(request(b"a"))
        [line] = [line for line in connection.recv(1000).split(b"\r\n") if line.startswith(b"date: ")]
    sent = time.strptime(line.decode(), "date: %a, %d %b %Y %H:%M:%S GMT")
    assert abs(time.mktime(sent) - time.mktime(time.gmtime())) < 5


def wait_for(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.01)
