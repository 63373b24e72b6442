"""The processes of what runs on this machine, as they are seen."""

import time

from lgbm_sm.backends import RunningProgram
from lgbm_sm.explain.sections import shortened
from lgbm_sm.record.entries import Entry
from lgbm_sm.workspace import Workspace

_SETTLE_SECONDS = 3.0  # a server answers with its first worker, and starts the others then
_PAUSE_SECONDS = 0.25


def programs_of(entry: Entry, workspace: Workspace) -> list[RunningProgram]:
    """The processes of a job or an endpoint on this machine; none where nothing of it runs.

    Raises:
        EngineError: the engine does not answer.
    """
    return workspace.backend_of(entry).programs(entry)


def settled_programs_of(entry: Entry, workspace: Workspace) -> list[RunningProgram]:
    """As `programs_of`, once their number does not change any more, or after three seconds."""
    seen = programs_of(entry, workspace)
    for _ in range(int(_SETTLE_SECONDS / _PAUSE_SECONDS)):
        time.sleep(_PAUSE_SECONDS)
        before, seen = seen, programs_of(entry, workspace)
        if {program.pid for program in seen} == {program.pid for program in before}:
            break
    return seen


def describe_programs(programs: list[RunningProgram]) -> list[str]:
    """A line a process, below the one that has started it."""
    known = {program.pid for program in programs}
    roots = [program for program in programs if program.parent not in known]
    return [line for root in roots for line in _branch(root, programs, 0)]


def _branch(program: RunningProgram, programs: list[RunningProgram], depth: int) -> list[str]:
    below = [other for other in programs if other.parent == program.pid]
    own = f"{'  ' * depth}{program.pid}  {shortened(program.command)}"
    return [own, *(line for other in below for line in _branch(other, programs, depth + 1))]
