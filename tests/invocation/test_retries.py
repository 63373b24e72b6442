"""Requests to a server that is missing or ends, and the test whether our own code answers."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lgbm_sm.errors import InvocationError
from lgbm_sm.invocation.retries import Retries
from lgbm_sm.invocation.transport import HttpSender
from lgbm_sm.model.code import is_our_code
from lgbm_sm.record.entries import Endpoint, Place
from lgbm_sm.shipped import containers_path

ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n1.5\n"
UNAVAILABLE = b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
MODEL = "lightgbm-regression-model.txt"


class Server:
    """A server that gives each connection the next one of `answers` and then ends it."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests = 0
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._closing = False
        self._thread = threading.Thread(target=self._serve)

    def listen(self) -> None:
        self._socket.listen()
        self._thread.start()

    def _serve(self) -> None:
        for answer in self.answers:
            connection, _ = self._socket.accept()
            if self._closing:
                connection.close()
                return
            with connection:
                request = b""
                while not request.endswith(b"1\n"):
                    request += connection.recv(65_536)
                self.requests += 1
                connection.sendall(answer)

    def close(self) -> None:
        """End the thread, because it may wait for a connection that never comes."""
        self._closing = True
        if self._thread.is_alive():
            with suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
            self._thread.join()
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@contextmanager
def retries(
    server: Server, told: list[str], *, ours: bool, sleep: Callable[[float], bool] | None = lambda _: False
) -> Iterator[Retries]:
    endpoint = Endpoint(
        name="e",
        project="p",
        place=Place.PROCESS,
        created_at=datetime.now(UTC),
        folder=Path("e"),
        url=f"http://127.0.0.1:{server.port}",
        training_job="",
    )
    sender = HttpSender(endpoint, {"Content-Type": "text/csv"})
    sending = Retries(sender, lambda: ours, told.append, sleep)
    yield sending
    sending.close()


def test_a_request_waits_for_a_server_that_does_not_listen_yet(server: Server) -> None:
    server.answers = [ANSWER]
    told: list[str] = []

    def listen_at_the_second(_: float) -> bool:
        if len(told) == 2:
            server.listen()
        return False

    with retries(server, told, ours=False, sleep=listen_at_the_second) as sending:
        assert sending.send(b"1\n", "the rows from row 1 on").body == b"1.5\n"
    assert [line.partition(";")[0] for line in told] == ["the rows from row 1 on: [Errno 111] Connection refused"] * 2
    assert server.requests == 1


def test_503_is_asked_again_whoever_wrote_the_code(server: Server) -> None:
    server.answers = [UNAVAILABLE, UNAVAILABLE, ANSWER]
    server.listen()
    told: list[str] = []
    with retries(server, told, ours=False) as sending:
        assert sending.send(b"1\n", "x").status == 200
    assert [line.partition(";")[0] for line in told] == ["x: the server answered 503"] * 2


@pytest.mark.parametrize(("ours", "sent"), [(True, 3), (False, 1)])
def test_a_lost_connection_is_tried_twice_again_unless_a_users_code_may_have_acted(
    server: Server, ours: bool, sent: int
) -> None:
    server.answers = [b""] * 5
    server.listen()
    with retries(server, [], ours=ours) as sending, pytest.raises(InvocationError):
        sending.send(b"1\n", "x")
    assert server.requests == sent


def test_nothing_is_sent_again_once_the_command_has_given_up(server: Server) -> None:
    server.answers = [UNAVAILABLE] * 5
    server.listen()
    with retries(server, [], ours=True, sleep=None) as sending:
        sending.give_up()
        assert sending.send(b"1\n", "x").status == 503
    assert server.requests == 1


def test_code_counts_as_ours_only_where_every_file_is_the_shipped_one(tmp_path: Path) -> None:
    shipped, model, code = containers_path(), tmp_path / "model", tmp_path / "model/code"
    code.mkdir(parents=True)
    assert not is_our_code(model, shipped)  # nobody knows what is served
    (model / MODEL).write_text("tree")
    assert is_our_code(model, shipped)
    (code / "requirements.txt").write_text("lightgbm\n")
    shutil.copy(shipped / "script_mode/inference.py", code)
    (code / "lgbm_runtime/core").mkdir(parents=True)
    for path in (shipped / "runtime/lgbm_runtime/core").glob("*.py"):
        shutil.copy(path, code / "lgbm_runtime/core")
    assert is_our_code(model, shipped)
    own = tmp_path / "containers"
    shutil.copytree(shipped, own)
    assert is_our_code(model, own)
    (own / "runtime/lgbm_runtime/serving/server.py").write_text("# changed\n")
    assert not is_our_code(model, own)
    (code / "inference.py").write_text("def predict_fn(data, model): ...\n")
    assert not is_our_code(model, shipped)
