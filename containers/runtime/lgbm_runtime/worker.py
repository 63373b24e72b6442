"""One worker process: loads the model, proves it, answers requests until it is told to end."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from lgbm_runtime.app import App
from lgbm_runtime.errors import ModelError
from lgbm_runtime.http_protocol import HttpProtocol
from lgbm_runtime.lightgbm_library import LibraryError
from lgbm_runtime.supervisor import CANNOT_SERVE, WorkerPipes
from lgbm_runtime.user_code import load_service

# The platform keeps connections to a container open; one that is closed at the wrong moment loses a request.
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048
# Of the 30 s between SIGTERM and SIGKILL.
_DRAIN_SECONDS = 25.0
_BACKLOG_SECONDS = 1.0
# A request that is on its way on a connection that is kept open gets so long to arrive.
_IDLE_SECONDS = 0.2


def run_worker(listener: socket.socket, model_path: Path, threads: int, workers: int, pipes: WorkerPipes) -> int:
    """Serves on `listener` until SIGTERM or the parent's end; returns the process's exit code."""
    # a crash in native code leaves its Python stack in the log
    faulthandler.enable()
    try:
        service = load_service(model_path, os.environ, threads)
        service.prove()
    except (ModelError, LibraryError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return CANNOT_SERVE
    app = App(service, workers)
    config = uvicorn.Config(
        app,
        http=HttpProtocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        interface="asgi3",
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    WorkerServer(config, app, listener, pipes).run(sockets=[listener])
    return 0


class WorkerServer(uvicorn.Server):
    """uvicorn's server with an end that loses no request that has reached this process."""

    def __init__(self, config: uvicorn.Config, app: App, listener: socket.socket, pipes: WorkerPipes) -> None:
        super().__init__(config)
        self._app = app
        self._listener = listener
        self._pipes = pipes

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, does not raise the signal again in the end: the exit code is to be 0."""
        signal.signal(signal.SIGTERM, self._on_signal)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        asyncio.get_running_loop().add_reader(self._pipes.lifeline, self._on_lifeline)
        os.write(self._pipes.ready, b"%d\n" % os.getpid())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Answers what has been sent, on old connections and on those that still wait to be accepted, then closes."""
        end = time.monotonic() + _DRAIN_SECONDS
        self._app.draining = HttpProtocol.draining = True
        await self._empty_backlog()
        for server in self.servers:
            server.close()
        await asyncio.sleep(_IDLE_SECONDS)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        # uvicorn's sets of connections and tasks tell nobody when they become empty
        while (self.server_state.connections or self.server_state.tasks) and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def _empty_backlog(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        end = time.monotonic() + _BACKLOG_SECONDS
        while poll.poll(0) and time.monotonic() < end:  # noqa: ASYNC110 - the kernel's queue has no event for "empty"
            await asyncio.sleep(0.005)

    def _on_signal(self, *_: object) -> None:
        self.should_exit = True

    def _on_lifeline(self) -> None:
        # readable means at its end: nobody writes to it
        asyncio.get_running_loop().remove_reader(self._pipes.lifeline)
        self.should_exit = True
