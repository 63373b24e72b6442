"""The programs of jobs and endpoints in this machine's list of processes.

A program has its project's id and the name of its job or endpoint on its command line, and works in their folder: the
system gives that folder's path as it is now, also after the project was moved.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lgbm_sm.record.entries import Entry
from lgbm_sm.record.record_file import WORK_FOLDER, folder_of_kind
from lgbm_sm.record.work_folder import is_same_folder

if TYPE_CHECKING:
    import psutil

PROGRAM = "lgbm_runtime"
_ENTRY_OPTION, _FOLDER_OPTION = "lgbm-sm.entry", "lgbm-sm.folder"
_NO_ID = "-"


def labels_of(entry: Entry, project_id: str) -> list[str]:
    """Options of Python that identify the program. Any -X is taken, and no version of the program sees it."""
    label = f"{_ENTRY_OPTION}={project_id or _NO_ID}/{entry.kind}/{entry.name}"
    return ["-X", label, "-X", f"{_FOLDER_OPTION}={entry.folder.parent.parent}"]


def without_labels(arguments: Iterable[str]) -> list[str]:
    """A command line without `labels_of`."""
    kept: list[str] = []
    for argument in arguments:
        if argument.startswith((f"{_ENTRY_OPTION}=", f"{_FOLDER_OPTION}=")):
            kept.pop()  # its -X
        else:
            kept.append(argument)
    return kept


class Program(NamedTuple):
    """A process that runs the program: its arguments, and the folder that it works in now (None if not known)."""

    pid: int
    arguments: tuple[str, ...]
    folder: Path | None

    def is_of(self, entry: Entry, project_id: str) -> bool:
        """Whether it was started for this job or endpoint."""
        if self.folder is not None and is_same_folder(self.folder, entry.folder):
            return True
        is_labelled = bool(project_id) and self._label == (project_id, entry.kind, entry.name)
        # without a label an older lgbm-sm started it; with another id its record is lost
        return self._is_orphan and (is_labelled or self._first_folder == entry.folder)

    def folder_in(self, work_path: Path, project_id: str) -> Path | None:
        """The folder of its job or endpoint below a work folder; None if the program is another project's."""
        owner, kind, name = self._label
        if project_id and owner == project_id and self._is_orphan:
            return work_path / folder_of_kind(kind) / name
        for folder, is_here in ((self.folder, True), (self._first_folder, self._is_orphan)):
            if folder and is_here and is_same_folder(folder.parent.parent, work_path):
                return work_path / folder.parent.name / folder.name
        return None

    @property
    def _label(self) -> tuple[str, str, str]:
        """The project's id, the kind and the name; empty texts for a program of an older lgbm-sm."""
        owner, _, rest = self._option(_ENTRY_OPTION).partition("/")
        kind, _, name = rest.partition("/")
        return owner, kind, name

    @property
    def _first_folder(self) -> Path | None:
        """The folder of its job or endpoint when it was started."""
        _, kind, name = self._label
        if name:
            return Path(self._option(_FOLDER_OPTION)) / folder_of_kind(kind) / name
        # an older lgbm-sm gave the whole path of /opt/ml
        with suppress(ValueError, IndexError):
            return Path(self.arguments[self.arguments.index("--root") + 1]).parent
        return None

    @property
    def _is_orphan(self) -> bool:
        """Whether its folder is gone: one that works in another project's, such as the original of a copy, has one."""
        folder = self.folder
        return folder is None or folder.parent.parent.name != WORK_FOLDER or not folder.exists()

    def _option(self, name: str) -> str:
        start = f"{name}="
        return next((text.removeprefix(start) for text in self.arguments if text.startswith(start)), "")


def running_programs() -> Iterator[Program]:
    """The programs of any project that run here and can be looked at."""
    if sys.platform == "linux":
        # read before psutil is: most often no such program runs
        yield from _programs_in_proc()
        return
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error):  # ended meanwhile, or another user's
            arguments = tuple(process.cmdline())
            if PROGRAM in arguments:
                folder = None
                with suppress(psutil.Error, OSError):
                    folder = Path(process.cwd())
                yield Program(process.pid, arguments, folder)


def _programs_in_proc() -> Iterator[Program]:
    program = PROGRAM.encode()
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):  # ended meanwhile
                arguments = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                if program in arguments:
                    yield Program(int(process.name), tuple(map(os.fsdecode, arguments)), _folder_of(process))


def _folder_of(process: Path) -> Path | None:
    with suppress(OSError):  # another user's
        return Path(str((process / "cwd").readlink()).removesuffix(" (deleted)"))
    return None


def processes_of(programs: Iterable[Program]) -> "list[psutil.Process]":
    """The processes, to look at and to signal; without those that have ended."""
    found = list(programs)
    if not found:
        return []
    import psutil

    processes = []
    for program in found:
        with suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(program.pid))
    return processes
