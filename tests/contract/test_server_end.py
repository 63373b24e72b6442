"""At its end, the server loses no request that has begun, and leaves nothing behind."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.contract.cases import LINE
from tests.contract.conftest import Start
from tests.contract.serving import wait_until
from tests.contract.test_http import CHUNKED, read_answers, request


def handles_sigterm(pid: int) -> bool:
    """Return whether the program has set its signal handlers."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # not on Linux, or ended
        return True
    [caught] = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("milliseconds", [0, 5, 10, 20, 30, 40, 50])
def test_server_ends_cleanly_when_it_is_stopped_at_once(milliseconds: int, start: Start) -> None:
    server = start()
    time.sleep(milliseconds / 1000)
    code = server.terminate()
    # before Python runs the program's first line the signal's own effect is all there is
    assert code in (0, -signal.SIGTERM)
    assert "Traceback" not in server.log


def test_server_exits_with_0_when_it_is_asked_to_stop_again_and_again(start: Start) -> None:
    server = start(workers=1)
    server.endpoint()
    while server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.0005)
    assert server.process.returncode == 0


@pytest.mark.parametrize("milliseconds", [0, 50, 100, 200, 400, 700])
def test_server_exits_with_0_when_it_is_stopped_while_it_loads(milliseconds: int, start: Start) -> None:
    server = start()
    wait_until(lambda: handles_sigterm(server.process.pid))
    time.sleep(milliseconds / 1000)
    began = time.monotonic()
    assert server.terminate() == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in server.log


def test_log_says_what_is_served_where_by_whom(start: Start) -> None:
    server = start(2)
    server.wait_for_log(" serving ")
    model_path = Path(server.log_path.parent, "model")
    assert server.log.startswith(
        f"lgbm_runtime 0.1.0 serving {model_path} on 127.0.0.1:{server.port} with 2 workers x "
    )
    assert len(server.children()) == 2
    assert server.terminate() == 0
    assert server.log.endswith("stopped\n")


def test_requests_that_have_begun_are_answered_when_the_server_is_stopped(start: Start) -> None:
    server = start()
    endpoint = server.endpoint()
    begun = {
        "in its first word": request()[:2],
        "in its headers": request()[:40],
        "in its body": request()[:-10],
        "in its chunks": CHUNKED + b"%x\r\n%s\r\n" % (len(LINE), LINE),
    }
    rest = {name: request()[len(part) :] for name, part in begun.items()} | {"in its chunks": b"0\r\n\r\n"}
    connections = {name: endpoint.connect() for name in begun}
    pipeline = endpoint.connect()
    try:
        for name, connection in connections.items():
            connection.sendall(begun[name])
        time.sleep(0.3)
        server.process.terminate()
        pipeline.sendall(request() * 3)
        time.sleep(0.5)
        for name, connection in connections.items():
            connection.sendall(rest[name])
        for connection in connections.values():
            assert read_answers(connection, 1)[0][0] == 200
            assert connection.recv(1) == b""
        assert [status for status, _ in read_answers(pipeline, 3)] == [200] * 3
    finally:
        pipeline.close()
        for connection in connections.values():
            connection.close()
    assert server.process.wait(timeout=10) == 0


def test_kept_connections_do_not_hold_up_the_end(start: Start) -> None:
    server = start()
    with server.endpoint().connect() as connection:
        connection.sendall(request())
        read_answers(connection, 1)
        began = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - began < 3
        assert connection.recv(1) == b""


def test_no_request_is_lost_when_the_server_is_stopped_under_load(start: Start) -> None:
    server = start()
    endpoint = server.endpoint()
    lost: list[str] = []
    answered = [0] * 8
    statuses: set[int] = set()
    # small ones are answered at once, large ones by threads
    bodies = [LINE, b"\n".join([LINE] * 3000)]

    def keep_asking(client: int) -> None:
        closed = False
        body = bodies[client % 4 == 0]
        while not closed:
            connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=30)
            for number in range(10_000):
                try:
                    connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"})
                    response = connection.getresponse()
                    assert response.read().count(b"\n") == body.count(b"\n") + 1
                except (OSError, http.client.HTTPException) as error:
                    # the first request of a connection that nobody accepted has been read by nobody
                    closed = number == 0
                    if not closed:
                        lost.append(f"client {client}, request {number}: {error!r}")
                    break
                statuses.add(response.status)
                answered[client] += 1
                if response.will_close:
                    break
            connection.close()

    clients = [threading.Thread(target=keep_asking, args=(client,)) for client in range(len(answered))]
    for client in clients:
        client.start()
    time.sleep(0.7)
    server.process.terminate()
    for client in clients:
        client.join()
    assert server.process.wait(timeout=30) == 0
    assert lost == []
    assert statuses == {200}
    assert min(answered) > 3
    assert "Traceback" not in server.log
