"""Find the programs of jobs and endpoints among the processes of this machine.

The command line of a program contains the project's id and the name of the job or endpoint. The working folder of the
program is the folder of the job or endpoint. The system reports the current path of this folder, even if the user has
moved the project.
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
    """Return -X options that identify the program on its command line.

    Python accepts any -X option, and the program does not see it.
    """
    label = f"{_ENTRY_OPTION}={project_id or _NO_ID}/{entry.kind}/{entry.name}"
    return ["-X", label, "-X", f"{_FOLDER_OPTION}={entry.folder.parent.parent}"]


def without_labels(arguments: Iterable[str]) -> list[str]:
    """Return a command line without the options that `labels_of` added."""
    kept: list[str] = []
    for argument in arguments:
        if argument.startswith((f"{_ENTRY_OPTION}=", f"{_FOLDER_OPTION}=")):
            kept.pop()  # the -X before the value
        else:
            kept.append(argument)
    return kept


class Program(NamedTuple):
    """A process that runs `lgbm_runtime`. `folder` is its working folder, or None if unknown."""

    pid: int
    arguments: tuple[str, ...]
    folder: Path | None

    def is_of(self, entry: Entry, project_id: str) -> bool:
        """Return whether the program was started for this job or endpoint."""
        if self.folder is not None and is_same_folder(self.folder, entry.folder):
            return True
        is_labelled = bool(project_id) and self._label == (project_id, entry.kind, entry.name)
        # an older lgbm-sm gave programs no label; if the id differs, the user has deleted the record
        return self._is_orphan and (is_labelled or self._first_folder == entry.folder)

    def folder_in(self, work_path: Path, project_id: str) -> Path | None:
        """Return the folder of the program's job or endpoint in the work folder.

        Return None if the program belongs to another project.
        """
        owner, kind, name = self._label
        if project_id and owner == project_id and self._is_orphan:
            return work_path / folder_of_kind(kind) / name
        for folder, is_here in ((self.folder, True), (self._first_folder, self._is_orphan)):
            if folder and is_here and is_same_folder(folder.parent.parent, work_path):
                return work_path / folder.parent.name / folder.name
        return None

    @property
    def _label(self) -> tuple[str, str, str]:
        """The project's id, the kind and the name. They are empty if an older lgbm-sm started the program."""
        owner, _, rest = self._option(_ENTRY_OPTION).partition("/")
        kind, _, name = rest.partition("/")
        return owner, kind, name

    @property
    def _first_folder(self) -> Path | None:
        """The folder of the job or endpoint at the start of the program."""
        _, kind, name = self._label
        if name:
            return Path(self._option(_FOLDER_OPTION)) / folder_of_kind(kind) / name
        # an older lgbm-sm passed the path of /opt/ml
        with suppress(ValueError, IndexError):
            return Path(self.arguments[self.arguments.index("--root") + 1]).parent
        return None

    @property
    def _is_orphan(self) -> bool:
        """Whether the folder of the program no longer exists.

        If the folder exists, the program may belong to another project. For example, this project is a copy of that
        one.
        """
        folder = self.folder
        return folder is None or folder.parent.parent.name != WORK_FOLDER or not folder.exists()

    def _option(self, name: str) -> str:
        start = f"{name}="
        return next((text.removeprefix(start) for text in self.arguments if text.startswith(start)), "")


def running_programs() -> Iterator[Program]:
    """Find the programs of all projects on this machine. Programs of other users may be missing."""
    if sys.platform == "linux":
        # reading /proc avoids the import of psutil, which is slow
        yield from _programs_in_proc()
        return
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error):  # the process has ended, or belongs to another user
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
            with suppress(OSError):  # the process has ended
                arguments = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                if program in arguments:
                    yield Program(int(process.name), tuple(map(os.fsdecode, arguments)), _folder_of(process))


def _folder_of(process: Path) -> Path | None:
    with suppress(OSError):  # the process belongs to another user
        return Path(str((process / "cwd").readlink()).removesuffix(" (deleted)"))
    return None


def processes_of(programs: Iterable[Program]) -> "list[psutil.Process]":
    """Return the processes of those programs that still run."""
    found = list(programs)
    if not found:
        return []
    import psutil

    processes = []
    for program in found:
        with suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(program.pid))
    return processes
