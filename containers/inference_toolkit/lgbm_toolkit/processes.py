"""Run child processes one after the other. SIGTERM to the container ends the current one."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# A process that is still running this long after SIGTERM is killed.
_END_SECONDS = 3.0


class StopRequestedError(Exception):
    """SIGTERM or SIGINT has arrived. No child process is running any more."""


class ChildProcesses:
    """Starts child processes, and waits for their end and for signals at the same time."""

    def __init__(self) -> None:
        """Set the handlers of SIGTERM, SIGINT and SIGCHLD. A process may have only one instance."""
        self.stop_requested = False
        self._wake_read, wake_write = os.pipe()
        for descriptor in (self._wake_read, wake_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _do_nothing)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request_stop)

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process in its own process group.

        Raises StopRequestedError if a stop was requested.
        """
        if self.stop_requested:
            raise StopRequestedError
        return subprocess.Popen(
            command, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def run(self, command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> int:
        """Run a process and return its exit code.

        If a signal ends the process, the code is the negative number of the signal. Raises StopRequestedError if a
        stop is requested.
        """
        process = self.start(command, environment, folder)
        while not self.has_ended(process, None):
            if self.stop_requested:
                end_group(process)
                raise StopRequestedError
        return process.returncode

    def has_ended(self, process: subprocess.Popen[bytes], seconds: float | None) -> bool:
        """Wait until the process ends or a stop is requested. Return whether the process ended.

        Waits for at most `seconds`. None means no limit.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while process.poll() is None and not self.stop_requested:
            rest = None if end is None else end - time.monotonic()
            if rest is not None and rest <= 0:
                break
            self._sleep(rest)
        return process.returncode is not None

    def _sleep(self, seconds: float | None) -> None:
        """Wait until a signal arrives, but not longer than `seconds`."""
        if select.select([self._wake_read], [], [], seconds)[0]:
            os.read(self._wake_read, 4096)

    def _request_stop(self, *_: object) -> None:
        self.stop_requested = True


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and its children.

    Sends SIGTERM. After a few seconds, sends SIGKILL to those that still run.
    """
    end = time.monotonic() + _END_SECONDS
    _signal_group(process, signal.SIGTERM)
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    while _signal_group(process, 0) and time.monotonic() < end:
        time.sleep(0.02)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send the signal to the process group. Return whether the group still has a process."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _do_nothing(*_: object) -> None:
    """Handle SIGCHLD. Only a signal with a handler ends the wait in `_sleep`."""
