"""A server that behaves as the path of a request says, and counts its requests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HostileServer(ThreadingHTTPServer):
    """The server. `bodies` has the bodies of complete requests, in the order of their ends."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        self.heads: list[dict[str, str]] = []
        self.connections = 0
        self.lock = threading.Lock()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing, because some tests have clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HostileServer

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.heads.append({name.lower(): value for name, value in self.headers.items()})
            self.number = len(self.server.bodies)
        getattr(self, f"answer_{self.path.strip('/').partition('?')[0]}")()

    def answer_good(self) -> None:
        self._answer(200, b"1.5\n")

    def answer_slow(self) -> None:
        time.sleep(0.05)
        self._answer(200, b"1.5\n")

    def answer_stuck(self) -> None:
        """Answer the first request. Answer the others only after the client has given up."""
        if self.number > 1:
            time.sleep(2.5)
        self._answer(200, b"1.5\n")

    def answer_failing(self) -> None:
        """Answer each fourth request with an error."""
        if self.number % 4:
            self._answer(200, b"1.5\n")
        else:
            self._answer(500, f"failure number {self.number}".encode())

    def answer_refusing(self) -> None:
        self._answer(415, b"no such type")

    def answer_closing(self) -> None:
        """Give each fourth request no answer, or only a part of one."""
        if self.number % 4:
            self._answer(200, b"1.5\n")
            return
        if self.number % 8:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all of it")
        self.close_connection = True

    def answer_once(self) -> None:
        """Close the connection after each answer."""
        self._answer(200, b"1.5\n", "Connection: close\r\n")
        self.close_connection = True

    def answer_unframed(self) -> None:
        """Send an answer without a length. It ends when the connection is closed."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n1.5")
        self.close_connection = True

    def answer_chunked(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n1.\r\n")
        self.wfile.write(b"2\r\n5\n\r\n0\r\n\r\n")

    def answer_garbage(self) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n")

    def _answer(self, status: int, body: bytes, headers: str = "") -> None:
        head = f"HTTP/1.1 {status} Text\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def running_server() -> Iterator[HostileServer]:
    server = HostileServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.socket.close()
