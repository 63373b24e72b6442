"""The moment at which a server counts as being in service."""

import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lgbm_sm.backends import Ending
from lgbm_sm.backends.process import ProcessBackend
from lgbm_sm.backends.readiness import wait_until_ready
from lgbm_sm.errors import TimedOutError
from lgbm_sm.record.entries import Endpoint, Place


class LateServer(ThreadingHTTPServer):
    """A server that answers pings with 200.

    It is loading for the first `loading` seconds, and answers earlier pings only after that. Each answer takes `delay`
    seconds.
    """

    daemon_threads = True

    def __init__(self, loading: float = 0, delay: float = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.loaded_at = time.monotonic() + loading
        self.delay = delay
        self.pings = self.most_at_once = self._at_once = 0
        self._lock = threading.Lock()

    def ending(self) -> Ending | None:
        return None

    def load(self) -> None:
        """Wait until the server has loaded."""
        with self._lock:
            self.pings += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(max(0.0, self.loaded_at - time.monotonic()) + self.delay)
        with self._lock:
            self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    server: LateServer

    def do_GET(self) -> None:
        self.server.load()
        self.send_response(200)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing, to keep the output of the tests clean."""


def wait_for(server: LateServer, tmp_path: Path, seconds: float) -> None:
    """Wait until the server is ready, for at most `seconds`."""
    now = datetime.now(UTC)
    endpoint = Endpoint(
        name="late", project="p", place=Place.PROCESS, created_at=now, folder=tmp_path, training_job="job"
    )
    endpoint.log_path.write_text("loading\n")
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        wait_until_ready(endpoint, server, ProcessBackend(tmp_path, {}), seconds)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_pings_do_not_pile_up_on_a_server_that_is_late(tmp_path: Path) -> None:
    """AWS's image 1.5-1 runs pip for each ping.

    With a ping every 2 s, a busy machine would never finish.
    """
    server = LateServer(loading=5)
    wait_for(server, tmp_path, 30)
    assert server.most_at_once == 2
    assert server.pings == 3


def test_answer_that_the_platform_would_not_wait_for_does_not_count(tmp_path: Path) -> None:
    with pytest.raises(
        TimedOutError, match="was not ready after 5 s: no /ping returned 200 within 2 s, the platform's limit; its log"
    ):
        wait_for(LateServer(delay=2.2), tmp_path, 5)
