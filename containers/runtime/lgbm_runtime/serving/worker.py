"""One worker process. It answers requests on the shared socket until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import uvloop

from lgbm_runtime.serving.acceptor import Acceptor, ConnectionCounts
from lgbm_runtime.serving.app import App
from lgbm_runtime.serving.http_connection import Connection, Site
from lgbm_runtime.serving.supervisor import WorkerPipes

_SWEEP_SECONDS = 1.0
# The limit for open requests. SageMaker sends SIGKILL 30 s after SIGTERM.
_DRAIN_SECONDS = 25.0
_BACKLOG_SECONDS = 1.0
# Before it closes the connections, the worker waits this long for requests that the clients have already sent.
_IDLE_SECONDS = 0.2
# A small request waits at most this long for the GIL while a large request holds it. Python's default is 5 ms, which is
# much longer than a small request takes.
_SWITCH_SECONDS = 0.0005


def run_worker(listener: socket.socket, app: App, counts: ConnectionCounts, pipes: WorkerPipes) -> None:
    """Serve on `listener` until SIGTERM or until the parent ends."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    uvloop.run(Worker(app, pipes).serve(listener, counts))


class Worker:
    def __init__(self, app: App, pipes: WorkerPipes) -> None:
        self._app = app
        self._pipes = pipes
        self._stop = asyncio.Event()
        # one thread is enough: a large request already uses several threads for its computation
        self._site = Site(app, ThreadPoolExecutor(1, thread_name_prefix="invocations"))

    async def serve(self, listener: socket.socket, counts: ConnectionCounts) -> None:
        loop = asyncio.get_running_loop()
        connection_made = partial(Connection, self._site, loop)
        acceptor = Acceptor(
            listener,
            lambda connected: loop.connect_accepted_socket(connection_made, connected),
            lambda: len(self._site.connections),
            counts,
            self._pipes.slot,
        )
        self._site.on_close = acceptor.update_count
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        # the parent never writes to this pipe, so the pipe is readable only when the parent has ended
        loop.add_reader(self._pipes.lifeline, self._on_lifeline)
        acceptor.start()
        os.write(self._pipes.ready, b"%d\n" % os.getpid())
        sweeper = loop.create_task(self._sweep())
        await self._stop.wait()
        await self._drain(acceptor)
        sweeper.cancel()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self._site.tick()

    async def _drain(self, acceptor: Acceptor) -> None:
        """Answer the requests on open and on waiting connections, then close the connections."""
        end = time.monotonic() + _DRAIN_SECONDS
        self._app.draining = self._site.draining = acceptor.accepts_all = True
        backlog_end = time.monotonic() + _BACKLOG_SECONDS
        while not acceptor.is_backlog_empty() and time.monotonic() < backlog_end:  # noqa: ASYNC110 - the kernel's queue has no event for "empty"
            await asyncio.sleep(0.005)
        acceptor.stop()
        await asyncio.sleep(_IDLE_SECONDS)
        for connection in list(self._site.connections):
            connection.shut_down()
        while self._site.connections and time.monotonic() < end:  # noqa: ASYNC110 - for at most 25 s
            await asyncio.sleep(0.01)

    def _on_lifeline(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pipes.lifeline)
        self._stop.set()
