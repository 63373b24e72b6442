"""The parent of the worker processes.

It starts the workers, replaces workers that die, and sends them SIGTERM when it must stop.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

# A worker ends with this code if the model cannot be served. It has printed the reason on stderr.
CANNOT_SERVE = 3
# Less than 30 s, because SageMaker sends SIGKILL 30 s after SIGTERM.
_STOP_SECONDS = 27.0
_MOST_DEATHS = 5
_DEATHS_SECONDS = 60.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


@dataclass(frozen=True)
class WorkerPipes:
    """The ends of two pipes that a worker uses, and the worker's number.

    The worker writes its process id and a line feed to `ready` when it starts to serve. `lifeline` becomes readable
    when the parent has ended. `slot` is the worker's number, from 0 to the number of workers minus 1. Each running
    worker has a different slot.
    """

    ready: int
    lifeline: int
    slot: int


@dataclass
class Supervisor:
    """Keeps `count` processes running, each of which calls `work`.

    The return value of `work` becomes the exit code of the process. `run` forks, so the caller must not have other
    threads. `announcement` is printed once, when all workers serve.
    """

    work: Callable[[WorkerPipes], int]
    count: int
    announcement: str
    _workers: dict[int, int] = field(default_factory=dict)  # process id -> slot
    _serving: set[int] = field(default_factory=set)
    _deaths: list[float] = field(default_factory=list)
    _exit_code: int | None = None
    _announced: bool = False
    _proven: bool = False
    _ready_text: bytes = b""

    def run(self) -> int:
        """Run until SIGTERM or SIGINT. Return 0 after a signal and 1 after a failure.

        End all workers before returning.
        """
        self._ready_read, self._ready_write = os.pipe()
        self._lifeline_read, self._lifeline_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        for descriptor in (self._ready_read, self._wake_read, self._wake_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _do_nothing)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while self._exit_code is None:
            self._start_missing()
            self._wait(None)
            self._reap()
        self._end_workers()
        for number in (signal.SIGTERM, signal.SIGINT):
            # A second signal must not change the exit code. Python removes handlers before it ends, but keeps SIG_IGN.
            signal.signal(number, signal.SIG_IGN)
        return self._exit_code

    def _start_missing(self) -> None:
        # start one worker first, so that a model that cannot be loaded is reported only once
        required = self.count if self._proven else 1
        while len(self._workers) < required and self._exit_code is None:
            self._fork()

    def _fork(self) -> None:
        # blocked, because the child would lose a signal that arrives before it has set its handlers
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        slot = min(set(range(self.count)) - set(self._workers.values()))
        pid = os.fork()
        if pid == 0:
            self._be_worker(slot)
        self._workers[pid] = slot
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _be_worker(self, slot: int) -> NoReturn:
        exit_code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, _end_at_once)
            # Ctrl-C sends SIGINT to parent and workers; the workers wait for SIGTERM from the parent
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            for descriptor in (self._ready_read, self._lifeline_write, self._wake_read, self._wake_write):
                os.close(descriptor)
            exit_code = self.work(WorkerPipes(self._ready_write, self._lifeline_read, slot))
        except BaseException:  # noqa: BLE001 - the stack below belongs to the parent and must not be unwound
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(exit_code)

    def _wait(self, seconds: float | None) -> None:
        """Wait for a signal, or for a worker's report that it serves, for at most `seconds`."""
        readable, _, _ = select.select([self._wake_read, self._ready_read], [], [], seconds)
        if self._wake_read in readable:
            os.read(self._wake_read, 4096)
        if self._ready_read in readable:
            *lines, self._ready_text = (self._ready_text + os.read(self._ready_read, 4096)).split(b"\n")
            self._serving.update(map(int, lines))
            self._proven = True
        if len(self._serving) == self.count and not self._announced:
            self._announced = True
            _say(self.announcement)

    def _reap(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            # as process 1, this process also inherits children of other processes
            if pid in self._workers:
                del self._workers[pid]
                self._serving.discard(pid)
                self._judge(pid, os.waitstatus_to_exitcode(status))

    def _judge(self, pid: int, code: int) -> None:
        """React to the end of a worker. `code` is negative if a signal ended the worker."""
        if self._exit_code is not None:
            return
        if code == CANNOT_SERVE:
            self._exit_code = 1
            return
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        if not self._proven:
            _say(f"error: worker {pid} {how} before it could serve")
            self._exit_code = 1
            return
        now = time.monotonic()
        self._deaths = [*(death for death in self._deaths if death > now - _DEATHS_SECONDS), now]
        if len(self._deaths) > _MOST_DEATHS:
            times = f"{len(self._deaths)} times within {_DEATHS_SECONDS:.0f} s"
            _say(f"error: worker {pid} {how}; workers have ended {times}, so the server stops")
            self._exit_code = 1
            return
        _say(f"worker {pid} {how}; starting another one")

    def _end_workers(self) -> None:
        for pid in self._workers:
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + _STOP_SECONDS
        while self._workers and time.monotonic() < end:
            self._wait(max(0.0, end - time.monotonic()))
            self._reap()
        for pid in self._workers:
            _say(f"worker {pid} did not finish within {_STOP_SECONDS:.0f} s and is killed")
            os.kill(pid, signal.SIGKILL)
        for pid in self._workers:
            os.waitpid(pid, 0)
        _say("stopped")

    def _stop(self, *_: object) -> None:
        if self._exit_code is None:
            self._exit_code = 0


def _do_nothing(*_: object) -> None:
    """Handle SIGCHLD. Only a signal with a handler wakes the parent."""


def _end_at_once(*_: object) -> None:
    # a worker that does not serve yet has no request to finish
    os._exit(0)


def _say(line: str) -> None:
    print(line, file=sys.stderr if line.startswith("error: ") else sys.stdout, flush=True)
