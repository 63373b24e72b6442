"""The processes of what runs on this machine, as they are seen."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from lgbm_sm.backends.docker.engine import engine_errors
from lgbm_sm.backends.programs import without_labels
from lgbm_sm.errors import EngineError
from lgbm_sm.explain.sections import shortened
from lgbm_sm.record.entries import Entry, Place
from lgbm_sm.workspace import Workspace

_SETTLE_SECONDS = 3.0  # a server answers with its first worker, and starts the others then
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class Program:
    """A process and its command line; `parent` is the id of the process that has started it."""

    pid: int
    parent: int
    command: str


def programs_of(entry: Entry, workspace: Workspace) -> list[Program]:
    """The processes of a job or an endpoint on this machine; none where nothing of it runs.

    Raises:
        EngineError: the engine does not answer.
    """
    if entry.place is Place.DOCKER:
        return [program for container in workspace.docker.containers_of(entry) for program in _in_container(container)]
    if entry.place is Place.PROCESS:
        return [program for process in workspace.process.programs_of(entry) for program in _of_process(process)]
    return []


def settled_programs_of(entry: Entry, workspace: Workspace) -> list[Program]:
    """As `programs_of`, once their number does not change any more, or after three seconds."""
    seen = programs_of(entry, workspace)
    for _ in range(int(_SETTLE_SECONDS / _PAUSE_SECONDS)):
        time.sleep(_PAUSE_SECONDS)
        before, seen = seen, programs_of(entry, workspace)
        if {program.pid for program in seen} == {program.pid for program in before}:
            break
    return seen


def _in_container(container: Any) -> list[Program]:
    if container.status != "running":
        return []
    with engine_errors("the container's processes cannot be seen", EngineError):
        top: Mapping[str, Any] = container.top(ps_args="-eo pid,ppid,args")
    return [Program(int(pid), int(parent), command) for pid, parent, command in top["Processes"]]


def _of_process(process: psutil.Process) -> list[Program]:
    try:
        return [Program(process.pid, process.ppid(), " ".join(without_labels(process.cmdline())))]
    except psutil.Error:  # ended meanwhile
        return []


def describe_programs(programs: list[Program]) -> list[str]:
    """A line a process, below the one that has started it."""
    known = {program.pid for program in programs}
    roots = [program for program in programs if program.parent not in known]
    return [line for root in roots for line in _branch(root, programs, 0)]


def _branch(program: Program, programs: list[Program], depth: int) -> list[str]:
    below = [other for other in programs if other.parent == program.pid]
    own = f"{'  ' * depth}{program.pid}  {shortened(program.command)}"
    return [own, *(line for other in below for line in _branch(other, programs, depth + 1))]
