"""A folder with a project: the user's files in it, and lgbm-sm's files and programs."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import stat
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.cli.forked import ForkedCommandLine, ForkServer

# what a program's environment is searched for: it holds whatever the program is called and wherever it runs
TRIAL = "SOAK_TRIAL"
ROWS = 120
TEST_ROWS = 24
# lgbm-sm's own files in a work folder that holds nothing any more
_OWN_FILES = ("record.json", "record.lock")
_CONFIG = """\
project:
  name: {name}
data:
  name: houses
  file: ../tables/houses.csv
  target: price
training:
  hyperparameters: {{objective: regression, num_boost_round: 4, min_data_in_leaf: 5, verbose: -1}}
"""


@dataclass
class User:
    """The user.

    `folder` has the project, a table, results, and a folder with the user's own jobs. `lgbm_sm` runs in the project,
    also after the project was renamed.
    """

    folder: Path
    name: str
    server: ForkServer
    environment: Mapping[str, str] = field(default_factory=dict)
    # what is in files that a command may replace: path -> the contents that are allowed
    may_be: dict[Path, set[bytes]] = field(default_factory=dict)

    # what every command gets too, such as --config
    options: tuple[str, ...] = ()
    # what is left in an engine, by name
    elsewhere: Callable[[], list[str]] = list

    def __post_init__(self) -> None:
        self.project = self.folder / "project"
        self._before: dict[str, str] = {}

    def settle(self) -> None:
        """Write the user's files."""
        for name in ("project", "tables", "results", "my jobs/2024", "project/data"):
            (self.folder / name).mkdir(parents=True)
        draw = random.Random(3)
        rows = [f"{draw.random():.3f},{draw.random():.3f},{draw.random():.3f}" for _ in range(ROWS)]
        (self.folder / "tables" / "houses.csv").write_text("\n".join(["rooms,age,price", *rows]) + "\n")
        (self.project / "config.yaml").write_text(_CONFIG.format(name=self.name))
        (self.project / "notes.txt").write_text("do not lose\n")
        (self.project / "data" / "of the user.csv").write_text("1,2\n")
        (self.folder / "my jobs" / "2024" / "model.tar.gz").write_bytes(b"precious")
        (self.folder / "my jobs" / "2024" / "model.tar.gz").chmod(0o440)
        (self.folder / "my jobs" / "2024").chmod(0o550)
        (self.project / "model of 2024").hardlink_to(self.folder / "my jobs" / "2024" / "model.tar.gz")
        self.results.write_bytes(b"old\n")
        self.may_be[self.results] = {b"old\n"}
        self.remember()

    def remember(self) -> None:
        """Remember the current files. They must not be lost."""
        self._before = self._of_the_user()

    @property
    def results(self) -> Path:
        return self.folder / "results" / "prices.csv"

    @property
    def work_path(self) -> Path:
        return self.project / ".lgbm-sm"

    def run(self, *arguments: str, folder: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in the project or in `folder`. Any exit code is allowed, but no traceback."""
        line = ForkedCommandLine(
            folder or self.project, {TRIAL: str(self.folder), **self.environment}, server=self.server
        )
        ended = line.run(*arguments, *(() if folder else self.options), **options)
        assert "Traceback" not in ended.stderr + ended.stdout, said(ended)
        return ended

    def succeeds(self, *arguments: str, folder: Path | None = None) -> str:
        """Run a command that must end with exit code 0. Return its stdout."""
        ended = self.run(*arguments, folder=folder)
        assert ended.returncode == 0, said(ended)
        return ended.stdout

    def link_jobs(self) -> list[Path]:
        """Put links to the user's own jobs into lgbm-sm's folders of jobs and endpoints."""
        links = []
        for parent in ("jobs", "endpoints"):
            link = self.work_path / parent / f"{self.name}-2024"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(self.folder / "my jobs" / "2024")
            links.append(link)
        return links

    def loses_nothing(self, folder: Path | None = None) -> None:
        """Assert that the user's files and their modes are unchanged.

        `folder` is a copy of the project.
        """
        seen = self._of_the_user(folder)
        assert seen == self._before
        for path, contents in self.may_be.items():
            content = path.read_bytes()
            assert content in contents or _is_whole(content), f"{path}: {content!r}"

    def _of_the_user(self, project: Path | None = None) -> dict[str, str]:
        """Map each path of the user to its mode and its digest.

        The paths have the old name of the project if it was renamed.
        """
        tops = {"project": project or self.project}
        tops |= {name: self.folder / name for name in ("tables", "results", "my jobs")}
        found = {}
        for name, top in tops.items():
            for path in (top, *top.rglob("*")):
                parts = path.relative_to(top).parts
                if name == "project" and (
                    parts[:1] == (".lgbm-sm",) or (parts[:1] == ("data",) and not _is_users(parts))
                ):
                    continue
                if path != self.results and not path.name.endswith(".tmp"):
                    found["/".join((name, *parts))] = _described(path)
        return found

    def endpoint(self, folder: Path | None = None) -> dict[str, Any] | None:
        """Return the endpoint in service from `status`."""
        items = json.loads(self.succeeds("status", "--output", "json", folder=folder))["items"]
        served = [item for item in items if item["kind"] == "endpoint" and item["state"] == "InService"]
        return served[-1] if served else None

    def programs(self) -> list[psutil.Process]:
        """Return the running processes that the commands of this trial have started."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(TRIAL) == str(self.folder):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def has_nothing_of_ours(self, project: Path | None = None) -> None:
        """Assert that no program, file or record entry of lgbm-sm remains in the project."""
        work_path = (project or self.project) / ".lgbm-sm"
        assert self.programs() == []
        assert self.elsewhere() == []
        left = [path for parent in ("jobs", "endpoints") for path in _children(work_path / parent)]
        assert left == []
        if (work_path / "record.json").exists():
            assert json.loads((work_path / "record.json").read_text())["entries"] == []
        files = [path.name for path in work_path.rglob("*") if path.is_file() and path.name not in _OWN_FILES]
        assert [name for name in files if name.endswith((".tmp", ".gz", ".log", ".txt"))] == []
        assert json.loads(self.succeeds("status", "--output", "json", folder=project))["items"] == []

    def leave(self) -> None:
        """Remove everything, even after a failed trial."""
        for process in self.programs():
            process.kill()
        (self.folder / "my jobs" / "2024").chmod(0o750)
        for path in self.folder.rglob("model"):
            path.chmod(0o750)
        shutil.rmtree(self.folder)


def answer_of(url: str) -> bytes:
    """Return the prediction of an endpoint for a row."""
    request = urllib.request.Request(f"{url}/invocations", b"0.5,0.5", {"Content-Type": "text/csv"})
    with urllib.request.urlopen(request, timeout=30) as response:
        content: bytes = response.read()
    return content


def said(ended: subprocess.CompletedProcess[str]) -> str:
    return f"{' '.join(ended.args)}: exit code {ended.returncode}\n{ended.stdout}\n{ended.stderr}"


def _is_users(parts: tuple[str, ...]) -> bool:
    return parts[-1].startswith("of the user")


def _described(path: Path) -> str:
    content = path.read_bytes() if path.is_file() else b""
    if path.name == "config.yaml":
        # a copy gets a name of its own
        content = re.sub(rb"^  name: (?!houses$).*$", b"", content, flags=re.MULTILINE)
    return f"{stat.filemode(path.lstat().st_mode)} {hashlib.sha256(content).hexdigest()[:8]}"


def _is_whole(content: bytes) -> bool:
    """Return whether a file of `predict --to` has a number for each test row."""
    lines = content.split(b"\n")
    return len(lines) == TEST_ROWS + 1 and lines[-1] == b"" and all(float(line) for line in lines[:-1])


def _children(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.iterdir())) if folder.is_dir() else iter(())
