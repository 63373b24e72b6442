"""One trial: a project in some layout, a killed command, the next command, and cleanup."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.soak.moments import Moment
from tests.soak.user import User, answer_of, said

Command = tuple[str, ...]
Measured = Mapping[Command, tuple[float, int]]
"""How many seconds a command takes, and how many events it has."""

LAYOUTS = ("normal", "moved", "copied", "linked", "linked-inside")
# each stage, and the commands that lead there from an empty project
STAGES: tuple[tuple[Command, ...], ...] = (
    (),
    (("prepare-data",),),
    (("prepare-data",), ("train",)),
    (("run", "--keep"),),
)
# the stage from which a command succeeds; in this order each succeeds after those before it
COMMANDS: dict[Command, int] = {
    ("prepare-data", "--set", "data.random_state=7"): 0,
    ("prepare-data",): 0,
    ("train",): 1,
    ("deploy",): 2,
    ("predict", "--to", "../results/prices.csv"): 3,
    ("status",): 0,
    ("run", "--keep"): 0,
    ("run",): 0,
    ("cleanup", "--yes", "--keep", "training-jobs"): 0,
    ("cleanup", "--yes"): 0,
}
# what a user may do next, whatever was killed
NEXT: tuple[Command, ...] = (("status",), ("run",), ("run", "--keep"), ("prepare-data",), ("cleanup", "--yes"))
# a folder's name in everyday life
NEW_NAMES = ("renamed", "with spaces in it", "häuser é", "it's $HOME", "-dash")
_EXIT_CODES = (-9, *range(2, 12))


def measure(user: User, first: tuple[Command, ...] = ()) -> Measured:
    """Run each command once in a new project, and measure it for `Trial`."""
    user.succeeds("status")  # the first one waits for the imports
    measured = {}
    for command in (*first, *COMMANDS):
        path = user.folder / "count"
        began = time.monotonic()
        ended = user.run(*command, moment={"count": str(path)})
        assert ended.returncode == 0, said(ended)
        measured[command] = time.monotonic() - began, int(path.read_text())
    return measured


@dataclass
class Trial:
    """The random choices of one seed, in the folder of one user.

    `kills` is the number of killed commands.
    """

    user: User
    draw: Random
    measured: Measured
    # what a project needs before it trains, such as an image
    first: tuple[Command, ...] = ()
    kills: int = 0

    def run(self, layout: str) -> int:
        """Run the trial. Return the number of killed commands.

        Raises AssertionError if a user file is lost, or if something of ours remains.
        """
        # what has no record yet has nothing that a copy could take away
        stage = self.draw.randrange(2 if layout == "copied" else 0, len(STAGES))
        if layout == "linked":
            self._reach_through_a_link()
        for command in (*self.first, *STAGES[stage]):
            self.user.succeeds(*command)
        if layout == "linked-inside":
            self.user.link_jobs()
        commands = [command for command, needed in COMMANDS.items() if needed <= stage]
        command = self.draw.choice([*self.first, *commands])
        if layout == "copied":
            self._copied(command)
            return self.kills
        moves_first = self.draw.random() < 0.5
        if layout == "moved" and moves_first:
            self._move()
        self.kill(command)
        if layout == "moved" and not moves_first:
            self._move()
        # a user's link among the jobs is left over when cleanup ends
        following = [one for one in (*NEXT, command) if one[0] != "cleanup" or layout != "linked-inside"]
        self._succeeds_next(self.draw.choice(following))
        self.user.loses_nothing()
        self._clean_up()
        return self.kills

    def kill(self, command: Command, folder: Path | None = None) -> None:
        """Kill a command at a random moment. Then check that the user's files are unchanged.

        If the command ends before its moment, run it again and kill it earlier.
        """
        seconds, events = self.measured.get(command, (1.0, 30))
        for share in (1.0, 0.3, 0.0):
            moment: Moment = {"event": self.draw.randint(1, max(1, round(share * events)))}
            if share and self.draw.random() < 0.5:
                moment = {"seconds": self.draw.uniform(0, share * seconds)}
            ended = self.user.run(*command, folder=folder, moment=moment)
            print(f"killed: {shlex.join(command)} {moment}\n{said(ended)}")
            assert ended.returncode in (0, *_EXIT_CODES), said(ended)
            self.user.loses_nothing()
            if ended.returncode == -9:
                self.kills += 1
                return

    def _succeeds_next(self, command: Command, folder: Path | None = None) -> None:
        if command[0] in ("run", "train", "deploy"):
            for needed in self.first:
                self.user.succeeds(*needed, folder=folder)
        self.user.succeeds(*command, folder=folder)

    def _clean_up(self) -> None:
        ended = self.user.run("cleanup", "--yes")
        links = [link for parent in ("jobs", "endpoints") for link in (self.user.work_path / parent).glob("*-2024")]
        if links and ended.returncode:
            # the user's links are not ours to delete: cleanup may ask for them to be taken away
            assert any(link.name in ended.stderr for link in links), said(ended)
        for link in links:
            link.unlink()
        self.user.loses_nothing()
        self.user.succeeds("cleanup", "--yes")
        self.user.loses_nothing()
        self.user.has_nothing_of_ours()

    def _move(self) -> None:
        """Move the project to another folder. It must still have its endpoint."""
        before = self.user.endpoint()
        to = self.user.folder / self.draw.choice(NEW_NAMES)
        to.parent.mkdir(exist_ok=True)
        self.user.project.rename(to)
        self.user.project = to
        after = self.user.endpoint()
        assert (before and before["name"]) == (after and after["name"]), f"{before}, and after the move {after}"

    def _reach_through_a_link(self) -> None:
        """Replace the project, its configuration, work folder or data by a symbolic link."""
        link = self.user.folder / "link"
        match self.draw.choice(("project", "config", ".lgbm-sm", "data")):
            case "project":
                link.symlink_to(self.user.project)
                self.user.project = link
            case "config":
                link.symlink_to(self.user.project)
                self.user.options = ("--config", str(link / "config.yaml"))
            case ".lgbm-sm":
                link.mkdir()
                self.user.work_path.symlink_to(link)
                refused = self.user.run("run")
                assert refused.returncode, said(refused)
                assert f"{self.user.work_path} is a symbolic link" in refused.stderr, said(refused)
                self.user.work_path.unlink()
                link.rename(self.user.work_path)
            case _:
                (self.user.project / "data").rename(link)
                (self.user.project / "data").symlink_to(link)
        self.user.remember()

    def _copied(self, command: Command) -> None:
        """Copy the project, and run a command in the copy.

        It must not change the original's endpoint. After `new-identity`, the copy must be a separate project.
        """
        original = self.user.endpoint()
        answer = answer_of(original["remark"]) if original else b""
        copy = self.user.folder / "copy"
        if self.draw.random() < 0.5:
            # in the middle of things
            self.kill(command)
            original = self.user.endpoint()
            answer = answer_of(original["remark"]) if original else b""
        subprocess.run(["cp", "-a", str(self.user.project), str(copy)], check=True)

        def is_untouched() -> None:
            self.user.loses_nothing()
            self.user.loses_nothing(copy)
            if original:
                assert answer_of(original["remark"]) == answer

        if command[0] not in ("status", "predict"):
            self.kill(command, copy)
            is_untouched()
            refused = self.user.run(*command, folder=copy)
            assert refused.returncode, f"a copy is no reason to refuse: {said(refused)}"
            for folder in (self.user.project, copy):
                assert str(folder) in refused.stderr, said(refused)
        else:
            refused = self.user.run("cleanup", "--yes", folder=copy)
            assert refused.returncode, said(refused)
        is_untouched()
        shown = self.user.run("status", folder=copy)
        assert shown.returncode == 0, said(shown)
        assert f"{copy} is a copy of {self.user.project}" in shown.stderr
        own_identity = _command_in(refused.stderr)
        self.kill(own_identity, copy)
        is_untouched()
        self.user.run(*own_identity, folder=copy)
        self._succeeds_next(("run", "--keep"), copy)
        is_untouched()
        self.user.succeeds("cleanup", "--yes", folder=copy)
        is_untouched()
        self._clean_up()
        self.user.has_nothing_of_ours(copy)


def _command_in(text: str) -> Command:
    """Return the command in a message that gives a copy its own identity."""
    found = re.findall(r"`lgbm-sm ([^`]+)`", text)
    assert len(found) == 1, text
    return tuple(shlex.split(found[0]))
