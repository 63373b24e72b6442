"""Count the requests that a server is answering, to wait until there are none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

from werkzeug.exceptions import ClientDisconnected

from tests.cloud.emulator.faults import ConnectionBrokenError


class InFlight:
    """A WSGI application that counts the requests to another one."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._count = 0
        self._changed = threading.Condition()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._changed:
            self._count += 1
        try:
            return self._application(environ, start_response)  # type: ignore[no-any-return]
        except ClientDisconnected as gone:
            # to werkzeug it would be an error of the application
            raise ConnectionBrokenError from gone
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until no request is being answered."""
        end = time.monotonic() + seconds
        with self._changed:
            while self._count:
                assert self._changed.wait(end - time.monotonic()), f"{self._count} requests are still being answered"
