"""The program as a child process: nothing to install, no account, no Docker.

A program is known by its command line, which holds the path of the tree it was started on and nothing
else on this machine does: a process id alone may by now belong to somebody else.
"""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from lgbm_sm.backends import opt_ml
from lgbm_sm.record import Endpoint, EndpointStatus, Entry, Record, TrainingJobStatus

PROGRAM = "lgbm_runtime"
HOST = "127.0.0.1"
STOP_TRAINING_SECONDS = 120.0  # StopTrainingJob: SIGTERM, 120 s, SIGKILL
STOP_SERVING_SECONDS = 30.0  # on update and scale-in: SIGTERM, then SIGKILL after 30 s
PING_SECONDS = 2.0  # the platform waits 2 s for an answer to /ping
_LONGEST_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class ProcessBackend:
    """Starts the program with this Python: `runtime_path` is searched for it, `environment` is what it inherits."""

    runtime_path: Path
    environment: Mapping[str, str]

    def start_training(self, root: Path, log_path: Path, job_name: str) -> "subprocess.Popen[bytes]":
        """Start `train` on the tree below `root`; its output goes to `log_path`."""
        job_arn = f"arn:aws:sagemaker:local:000000000000:training-job/{job_name}"
        variables = {"TRAINING_JOB_NAME": job_name, "TRAINING_JOB_ARN": job_arn}
        return self._start(["train", "--root", str(root)], log_path, variables)

    def start_serving(self, root: Path, log_path: Path, listener: socket.socket) -> "subprocess.Popen[bytes]":
        """Start `serve` on the tree below `root`, answering on the socket `listener`, which it inherits.

        The port is bound before the program starts, so it cannot be lost to another program in between, and
        whatever answers on it is this program.
        """
        descriptor = listener.fileno()
        return self._start(["serve", "--root", str(root), "--fd", str(descriptor)], log_path, {}, (descriptor,))

    def _start(
        self, arguments: list[str], log_path: Path, variables: Mapping[str, str], descriptors: tuple[int, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        path_variables = {"PYTHONPATH": str(self.runtime_path), "PYTHONUNBUFFERED": "1"}
        with log_path.open("ab") as log:
            return subprocess.Popen(
                # -P: the folder that the command was called in is not searched for modules
                [sys.executable, "-P", "-m", PROGRAM, *arguments],
                cwd=log_path.parent,
                env={**self.environment, **path_variables, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                start_new_session=True,  # Ctrl-C in the terminal is ours to pass on; a server outlives the command
            )


def listen() -> socket.socket:
    """A listening socket on a free port of the loopback interface."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, 0))
    listener.listen(1024)
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL under which a listening socket is reached."""
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


def follow(log_path: Path, program: "subprocess.Popen[bytes]") -> Iterator[str]:
    """The lines of a program's log as they come, until the program has ended and its last line is read."""
    with log_path.open(encoding="utf-8", errors="replace") as log:
        rest = ""
        pause_seconds = 0.01
        while True:
            ended = program.poll() is not None
            text = log.read()
            *lines, rest = (rest + text).split("\n")
            yield from lines
            if ended:
                break
            pause_seconds = 0.01 if text else min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
            time.sleep(pause_seconds)
        if rest:
            yield rest


def find_programs(folder: Path) -> list[psutil.Process]:
    """The programs running on a tree that lies in `folder`, workers included."""
    prefix = f"{folder}{os.sep}"
    found = []
    for process in psutil.process_iter():
        arguments = command_line(process)
        if PROGRAM in arguments and any(argument.startswith(prefix) for argument in arguments):
            found.append(process)
    return found


def command_line(process: psutil.Process) -> list[str]:
    """A process's arguments; none where it has ended or is another user's, and so not ours either way."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def is_running(entry: Entry) -> bool:
    """Whether a program of this job or endpoint runs."""
    return bool(find_programs(entry.folder))


def delete(entry: Entry, record: Record) -> list[int]:
    """Stop the job or endpoint where it runs; remove its folder, then its entry. Harmless when it is gone.

    Returns the process ids that would not end; the entry then stays on record.
    """
    if isinstance(entry, Endpoint):
        record.update(entry.model_copy(update={"status": EndpointStatus.DELETING}))
        left = stop_programs(entry.folder, STOP_SERVING_SECONDS)
    else:
        if entry.status is TrainingJobStatus.IN_PROGRESS:
            # tells a `train` that still follows the job that its end is not the program's own
            record.update(entry.model_copy(update={"status": TrainingJobStatus.STOPPING}))
        left = stop_programs(entry.folder, STOP_TRAINING_SECONDS)
    if not left:
        opt_ml.remove_tree(entry.folder)
        record.remove(entry)
    return left


def stop_programs(folder: Path, grace_seconds: float) -> list[int]:
    """SIGTERM to the programs running on a tree in `folder`, SIGKILL to those still there after the grace.

    Returns the process ids that could not be ended.
    """
    processes = find_programs(folder)
    for process in processes:
        # Workers are stopped by their own parent, which lets them finish their requests.
        if _parent_id(process) not in {other.pid for other in processes}:
            _signal(process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=grace_seconds)
    for process in alive:
        _signal(process.kill)
    psutil.wait_procs(alive, timeout=5)
    return [process.pid for process in find_programs(folder)]


def _parent_id(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def _signal(send: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):  # ended by itself, which was the wish
        send()


def answers_ping(url: str) -> bool:
    """Whether `GET /ping` answers 200 within the platform's 2 s."""
    address = url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=PING_SECONDS)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until_ready(program: "subprocess.Popen[bytes]", url: str, timeout_seconds: float) -> bool | None:
    """True once the program answers /ping, False when it has ended, None when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    pause_seconds = 0.02
    while time.monotonic() < deadline:
        if program.poll() is not None:
            return False
        if answers_ping(url):
            return True
        time.sleep(pause_seconds)
        pause_seconds = min(1.5 * pause_seconds, _LONGEST_PAUSE_SECONDS)
    return None
