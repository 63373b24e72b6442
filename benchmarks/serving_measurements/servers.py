"""Start and stop a server, and measure the memory of its processes."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

HOST = "127.0.0.1"
_STOP_SECONDS = 15.0
_LEFT_SECONDS = 3.0
_IDLE_SECONDS = 30.0
_IDLE_STEP_SECONDS = 0.2
_IDLE_SHARE = 0.1
_LOG_LINES = 15


@dataclass(frozen=True)
class Server:
    """A server: a process in its own session, and its port."""

    program: "subprocess.Popen[bytes]"
    port: int
    log_path: Path

    def processes(self) -> list[psutil.Process]:
        """Return the process that was started, and all processes that it has started."""
        found: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.program.pid)
            found = [root, *root.children(recursive=True)]
        known = {process.pid for process in found}
        # a process whose parent has ended still belongs to the session
        return found + [other for other in psutil.process_iter() if other.pid not in known and self._is_ours(other.pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            return os.getsid(pid) == self.program.pid
        except ProcessLookupError:
            return False

    def pss_bytes(self) -> int:
        """Return the sum of the memory (PSS) of all processes. Shared memory counts only once.

        Source: the kernel's documentation of /proc/PID/smaps_rollup.
        """
        total = 0
        for process in self.processes():
            with suppress(FileNotFoundError, ProcessLookupError):
                lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
                total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        return total

    def wait_until_idle(self) -> None:
        """Wait until the server has processed the requests of disconnected clients, up to a limit."""
        end = time.monotonic() + _IDLE_SECONDS
        before = self._cpu_seconds()
        while time.monotonic() < end:
            time.sleep(_IDLE_STEP_SECONDS)
            now = self._cpu_seconds()
            if now - before <= _IDLE_SHARE * _IDLE_STEP_SECONDS:
                return
            before = now

    def _cpu_seconds(self) -> float:
        total = 0.0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def log_end(self) -> str:
        """Return the last lines of the server's log."""
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])

    def stop(self) -> None:
        """Send SIGTERM to the first process, then SIGKILL to the processes that still run."""
        processes = self.processes()
        self.program.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.program.wait(timeout=_STOP_SECONDS)
        _, left = psutil.wait_procs([one for one in processes if one.pid != self.program.pid], timeout=_LEFT_SECONDS)
        for process in left + [one for one in self.processes() if one.is_running()]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        self.program.wait(timeout=_STOP_SECONDS)


def start_server(command: Sequence[str], environment: Mapping[str, str], folder: Path, port: int) -> Server:
    """Start `command` in `folder`. The log of the server is also in `folder`."""
    log_path = folder / "server.log"
    with log_path.open("wb") as log:
        program = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Server(program, port, log_path)


def plain_environment(folder: Path, *program_folders: Path) -> dict[str, str]:
    """Return an environment for a server, without the settings of this process."""
    path = [*map(str, program_folders), "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    return {
        "PATH": os.pathsep.join(path),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def free_port() -> int:
    """Return a port that is free now.

    It is below the ports that the kernel and Multi Model Server use for outgoing connections.
    """
    while True:
        port = random.randint(20_000, 30_000)  # noqa: S311 - any will do
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def is_open(port: int) -> bool:
    """Return whether a server listens on the port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until_open(server: Server, seconds: float) -> bool:
    """Wait until the server listens. Return False after `seconds`, or if the server ends."""
    end = time.monotonic() + seconds
    while server.program.poll() is None and time.monotonic() < end:
        if is_open(server.port):
            return True
        time.sleep(0.01)
    return False
