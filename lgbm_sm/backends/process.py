"""Run training and serving programs as child processes. This needs no AWS account and no Docker.

Two things identify a program later: its command line, which contains the project's id and the name of the job or
endpoint, and its working folder. A process id is not enough, because the system may give it to another program.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from lgbm_sm import contract
from lgbm_sm.backends import (
    Consumption,
    Ending,
    RunningProgram,
    TrainingEnding,
    TrainingInputs,
    opt_ml,
    training_ending,
)
from lgbm_sm.backends.local import LocalBackend
from lgbm_sm.backends.native_code import VARIABLE as NATIVE_VARIABLE
from lgbm_sm.backends.native_code import native_code_path
from lgbm_sm.backends.programs import PROGRAM, labels_of, processes_of, running_programs, without_labels
from lgbm_sm.record.entries import Endpoint, Entry, Place, RecordedEntry, TrainingJob
from lgbm_sm.record.record import Record, unrecorded_entry
from lgbm_sm.record.work_folder import storage_errors

if TYPE_CHECKING:
    import subprocess

    import psutil

HOST = "127.0.0.1"
_LONGEST_PAUSE_SECONDS = 0.25


class ProcessTrainingRun(NamedTuple):
    """A training program and its job. The program writes the log file of the job."""

    program: "subprocess.Popen[bytes]"
    job: TrainingJob

    def lines(self) -> Iterator[str]:
        """Yield each new line of the log, until the program ends."""
        # the event ends a pause as soon as the program ends
        ended = threading.Event()
        threading.Thread(target=self._tell_end, args=(ended,), daemon=True).start()
        with self.job.log_path.open(encoding="utf-8", errors="replace") as log:
            rest = ""
            pause_seconds = 0.01
            while True:
                is_last = ended.wait(pause_seconds)
                text = log.read()
                *lines, rest = (rest + text).split("\n")
                yield from lines
                if is_last:
                    break
                pause_seconds = 0.01 if text else min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
            if rest:
                yield rest

    def _tell_end(self, ended: "threading.Event") -> None:
        self.program.wait()
        ended.set()

    def wait(self) -> TrainingEnding:
        """Wait until the program ends."""
        return training_ending(Ending(self.program.wait()), opt_ml.failure_reason(self.job.root_path))


class ProcessServer(NamedTuple):
    """A serving program and its address."""

    program: "subprocess.Popen[bytes]"
    url: str

    def ending(self) -> Ending | None:
        """Return how the program ended, or None while it runs."""
        exit_code = self.program.poll()
        return None if exit_code is None else Ending(exit_code)


@dataclass(frozen=True)
class ProcessBackend(LocalBackend):
    """A backend that starts the program in `runtime_path` with this Python.

    The program inherits `environment`. `project_id` returns the id of the project. Without an id, programs are found
    by their working folders.
    """

    runtime_path: Path
    environment: Mapping[str, str]
    project_id: Callable[[], str] = str
    place: ClassVar[Place] = Place.PROCESS
    noun: ClassVar[str] = "a process"
    in_container: ClassVar[bool] = False

    def entry_fields(self) -> dict[str, Any]:
        """See TrainingBackend. This backend adds no fields."""
        return {}

    def describe(self) -> str:
        """See TrainingBackend."""
        return "a process on this machine"

    def start_training(self, job: TrainingJob, inputs: TrainingInputs) -> ProcessTrainingRun:
        """See TrainingBackend."""
        opt_ml.lay_out_training(job.root_path, inputs, "lo")
        variables = opt_ml.training_variables(job.name)
        program = self._start([contract.TRAIN_COMMAND, "--root", str(job.root_path)], job, variables)
        return ProcessTrainingRun(program, job)

    def start_serving(self, endpoint: Endpoint, variables: Mapping[str, str]) -> ProcessServer:
        """See LocalBackend.

        Bind the port before the program starts, and pass the socket to the program. So no other program can take the
        port.
        """
        import socket

        with socket.socket() as listener:
            listener.bind((HOST, 0))
            listener.listen(1024)
            descriptor = listener.fileno()
            # a path relative to the working folder stays valid if the user moves the project
            arguments = [contract.SERVE_COMMAND, "--root", endpoint.root_path.name, "--fd", str(descriptor)]
            program = self._start(arguments, endpoint, variables, (descriptor,))
            return ProcessServer(program, f"http://{HOST}:{listener.getsockname()[1]}")

    def _start(
        self, arguments: list[str], entry: Entry, variables: Mapping[str, str], descriptors: tuple[int, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        import subprocess

        own_variables = {"PYTHONPATH": str(self.runtime_path), "PYTHONUNBUFFERED": "1"}
        # a variable that the user sets takes precedence
        if NATIVE_VARIABLE not in self.environment:
            own_variables[NATIVE_VARIABLE] = str(native_code_path(self.runtime_path, self.environment) or "")
        labels = labels_of(entry, self.project_id())
        with storage_errors(entry.folder), entry.log_path.open("ab") as log:
            return subprocess.Popen(
                # with -P, Python does not search the current folder for modules
                [sys.executable, "-P", *labels, "-m", PROGRAM, *arguments],
                cwd=entry.folder,
                env={**self.environment, **own_variables, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                start_new_session=True,  # Ctrl-C must not reach the program: lgbm-sm stops it, or lets a server run on
            )

    def is_running(self, entry: Entry) -> bool:
        """See Backend."""
        return bool(self._processes_of(entry))

    def programs(self, entry: Entry) -> list[RunningProgram]:
        """See Backend. The result includes worker processes."""
        return [program for process in self._processes_of(entry) for program in _running_program(process)]

    def _processes_of(self, entry: Entry) -> "list[psutil.Process]":
        """Return the running processes of this job or endpoint, including workers."""
        project_id = self.project_id()
        return processes_of(program for program in running_programs() if program.is_of(entry, project_id))

    def stop(self, entry: Entry) -> list[str]:
        """See Backend."""
        processes = self._processes_of(entry)
        if not processes:
            return []
        import psutil

        for process in processes:
            # the parent process stops its workers, and lets them finish their requests
            if _parent_id(process) not in {other.pid for other in processes}:
                _signal(process.terminate)
        is_endpoint = isinstance(entry, Endpoint)
        grace_seconds = contract.STOP_SERVING_SECONDS if is_endpoint else contract.STOP_TRAINING_SECONDS
        _, alive = psutil.wait_procs(processes, timeout=grace_seconds)
        for process in alive:
            _signal(process.kill)
        psutil.wait_procs(alive, timeout=5)
        return [f"process {process.pid}" for process in self._processes_of(entry)]

    def read_log(self, entry: Entry) -> bytes:
        """See Backend. Return the contents of the log file."""
        with suppress(FileNotFoundError):
            return entry.log_path.read_bytes()
        return b""

    def consumption(self, endpoint: Endpoint) -> Consumption | None:
        """See ServingBackend. The system's counters of each process give the values."""
        import psutil

        seconds, memory_bytes, seen = 0.0, 0, False
        for process in self._processes_of(endpoint):
            with suppress(psutil.Error):  # the process has ended, or belongs to another user
                times, memory = process.cpu_times(), process.memory_full_info()
                seconds += times.user + times.system
                # macOS reports no pss (shared memory divided by its users), only uss (memory that is not shared)
                memory_bytes += getattr(memory, "pss", memory.uss)
                seen = True
        return Consumption(time.monotonic(), seconds, memory_bytes) if seen else None

    def find_unrecorded(self, record: Record) -> list[RecordedEntry]:
        """See Backend. Find folders without an entry, and running programs whose folder may not exist any more."""
        known = {entry.folder for entry in record.entries()}
        folders: dict[Path, None] = {}
        for parent in (record.jobs_path, record.endpoints_path):
            if parent.is_dir():
                folders.update(dict.fromkeys(sorted(folder for folder in parent.iterdir() if folder.is_dir())))
        project_id = record.project_id
        found = (program.folder_in(record.work_path, project_id) for program in running_programs())
        folders.update(dict.fromkeys(folder for folder in found if folder))
        return [unrecorded_entry(record, folder, self.place) for folder in folders if folder not in known]


def _running_program(process: "psutil.Process") -> list[RunningProgram]:
    """Return the process in a list, or an empty list if it has ended."""
    import psutil

    try:
        return [RunningProgram(process.pid, process.ppid(), " ".join(without_labels(process.cmdline())))]
    except psutil.Error:
        return []


def _parent_id(process: "psutil.Process") -> int | None:
    import psutil

    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def _signal(send: Callable[[], None]) -> None:
    import psutil

    with suppress(psutil.NoSuchProcess):  # the process has already ended
        send()
