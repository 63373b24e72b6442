"""Accept connections on the shared socket, so that each worker gets an equal share."""

from __future__ import annotations

import asyncio
import errno
import mmap
import select
import socket
import struct
import sys
from collections.abc import Callable, Coroutine
from typing import Any

# A worker that does not have the fewest connections waits this long, so that another worker can accept. It waits
# at most _MOST_YIELDS times.
_YIELD_SECONDS = 0.001
_MOST_YIELDS = 5
# After an error for lack of descriptors or memory, the worker tries again in this time. asyncio's servers use the same.
_RETRY_SECONDS = 1.0
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_COUNT = struct.Struct("=q")


class ConnectionCounts:
    """The number of connections of each worker, in memory that the workers share.

    Create the object before the workers are forked. It is needed because the kernel wakes all workers for a new
    connection. Without the counts, the fastest worker would accept most connections, and the others would be idle.
    """

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, _COUNT.size * workers)
        self._offsets = range(0, _COUNT.size * workers, _COUNT.size)

    def write(self, slot: int, count: int) -> None:
        _COUNT.pack_into(self._memory, self._offsets[slot], count)

    def least(self) -> int:
        counts: list[int] = [_COUNT.unpack_from(self._memory, offset)[0] for offset in self._offsets]
        return min(counts)


class Acceptor:
    """Accepts connections on `listener` until `stop` is called.

    `connect` starts a connection on an accepted socket. `count` returns the number of this worker's connections.
    """

    def __init__(
        self,
        listener: socket.socket,
        connect: Callable[[socket.socket], Coroutine[Any, Any, object]],
        count: Callable[[], int],
        counts: ConnectionCounts,
        slot: int,
    ) -> None:
        self._listener = listener
        self._connect = connect
        self._count = count
        self._counts = counts
        self._slot = slot
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._yields = 0
        self._pause: asyncio.TimerHandle | None = None
        self.accepts_all = False

    def start(self) -> None:
        self._listener.settimeout(0)
        self._counts.write(self._slot, 0)
        self._loop.add_reader(self._listener, self._on_readable)

    def stop(self) -> None:
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()

    def update_count(self) -> None:
        """Write the new number of connections. Call this when a connection is closed."""
        self._counts.write(self._slot, self._count() + len(self._tasks))

    def is_backlog_empty(self) -> bool:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        return not poll.poll(0)

    def _on_readable(self) -> None:
        own = self._count() + len(self._tasks)
        if not self.accepts_all and self._yields < _MOST_YIELDS and own > self._counts.least():
            self._yields += 1
            self._wait(_YIELD_SECONDS)
            return
        self._yields = 0
        try:
            connected, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            # another worker has accepted the connection, or the client has closed it
            return
        except OSError as error:
            if error.errno not in _SHORTAGES:
                raise
            print(f"cannot accept connections for now: {error}", file=sys.stderr, flush=True)
            self._wait(_RETRY_SECONDS)
            return
        self._counts.write(self._slot, own + 1)
        connected.settimeout(0)
        task = self._loop.create_task(self._connect(connected))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _wait(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(seconds, self._loop.add_reader, self._listener, self._on_readable)
