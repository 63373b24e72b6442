"""Prepare iris in copies of a folder, and kill each run one change later.

The arguments are the folder that contains `data`, and a new folder for the copies. A copy's name is the number of
changes before SIGKILL: 0, 1, 2 and so on. The program ends when the data of a copy are completely prepared.
"""

import itertools
import os
import shutil
import signal
import sys
from pathlib import Path

import pyarrow.compute  # noqa: F401 - loaded before the forks, like the next two
import sklearn.datasets
import sklearn.model_selection  # noqa: F401

from lgbm_sm.config.sections import DataSection
from lgbm_sm.data import prepare_data

_WRITING_FLAGS = os.O_WRONLY | os.O_RDWR


class Silence:
    def step(self, text: str) -> None:
        pass

    def detail(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def log(self, line: str, brief: str = "") -> None:
        pass

    def progress(self, what: str, done: int, total: int) -> None:
        pass

    def status(self, text: str) -> None:
        pass

    def trace(self, text: str) -> None:
        pass


def prepare(folder: Path, changes_left: int) -> None:
    """Prepare iris.

    Send SIGKILL before the change of the data folder after `changes_left` changes.
    """
    left = changes_left

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        changes = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir") or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING_FLAGS
        )
        # shutil.rmtree names what it removes by a path within an open folder
        if not changes or not str(arguments[0]).startswith((str(folder), "train", "valid", "test", "schema")):
            return
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    sys.addaudithook(audit)
    prepare_data(DataSection(name="iris"), "multiclass", base=folder, reporter=Silence())


def main(original: Path, copies: Path) -> None:
    for changes in itertools.count():
        folder = copies / str(changes)
        shutil.copytree(original / "data", folder / "data")
        child = os.fork()  # so that the libraries are loaded once
        if child == 0:
            prepare(folder, changes)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
