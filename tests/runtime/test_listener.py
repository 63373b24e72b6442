"""The inherited socket of `serve` must be a listening TCP socket."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from lgbm_runtime.serving.server import ServeError, check_listener


class MacSocket(socket.socket):
    """A socket as on macOS, which defines SO_ACCEPTCONN but fails with ENOPROTOOPT."""

    def getsockopt(self, level: int, option: int, *length: Any) -> Any:
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")
        return super().getsockopt(level, option, *length)


class BrokenSocket(socket.socket):
    def getsockopt(self, *_arguments: Any) -> Any:
        raise OSError(errno.ENOTSOCK, "Socket operation on non-socket")


@pytest.mark.parametrize("socket_class", [socket.socket, MacSocket])
def test_a_listening_socket_is_served_on_whether_the_system_says_that_it_listens_or_not(
    socket_class: type[socket.socket],
) -> None:
    with socket_class() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        check_listener(listener)


@pytest.mark.parametrize("socket_class", [socket.socket, MacSocket])
def test_a_socket_of_another_family_is_refused_on_each_system(socket_class: type[socket.socket]) -> None:
    with (
        socket_class(socket.AF_UNIX) as local,
        pytest.raises(ServeError, match=f"descriptor {local.fileno()} is not a listening TCP socket"),
    ):
        check_listener(local)


def test_a_socket_that_does_not_listen_is_refused_where_the_system_says_so() -> None:
    with socket.socket() as idle, pytest.raises(ServeError, match="is not a listening TCP socket"):
        check_listener(idle)


def test_another_error_is_not_taken_for_a_system_that_does_not_say() -> None:
    with BrokenSocket() as broken, pytest.raises(ServeError, match="is not a socket: Socket operation on non-socket"):
        check_listener(broken)
