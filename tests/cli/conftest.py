"""The command line, run as users run it: a separate process in a separate folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.cli.forked import ForkServer


@dataclass
class CommandLine:
    """Runs `lgbm-sm` in `folder`, with a time limit.

    `environment` is added to the environment of this process.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    timeout_seconds: float = 110

    def start(self, *arguments: str, **options: object) -> "subprocess.Popen[str]":
        """Start a command without waiting for it."""
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            [sys.executable, "-m", "lgbm_sm", *arguments],
            cwd=self.folder,
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def __call__(self, *arguments: str, exit_code: int = 0, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command to its end and check its exit code."""
        finished = subprocess.run(
            [sys.executable, "-m", "lgbm_sm", *arguments],
            cwd=self.folder,
            env=os.environ | self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=self.timeout_seconds,
            check=False,
        )
        assert finished.returncode == exit_code, (
            f"exit code {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
        )
        return finished

    def programs(self) -> list[psutil.Process]:
        """Return the running training and serving programs whose data are in the folder."""
        return [process for process in psutil.process_iter() if str(self.folder) in " ".join(_command_line(process))]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _end_programs(command_line: CommandLine) -> None:
    programs = command_line.programs()
    for program in programs:
        program.kill()
    psutil.wait_procs(programs, timeout=10)


def _forked(server: "ForkServer", folder: Path) -> CommandLine:
    """Return a command line whose commands are forked from a process that has all imports.

    This saves a second or two per command.
    """
    from tests.cli.forked import ForkedCommandLine

    return ForkedCommandLine(folder, server=server)


@pytest.fixture
def lgbm_sm(fork_server: "ForkServer", tmp_path: Path) -> Iterator[CommandLine]:
    """A command line in an empty folder. After the test, none of its programs may be running."""
    command_line = _forked(fork_server, tmp_path)
    yield command_line
    _end_programs(command_line)


@pytest.fixture(scope="module")
def boston(fork_server: "ForkServer", tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A trained project with the default configuration and an endpoint in service.

    The tests must not change them.
    """
    command_line = _forked(fork_server, tmp_path_factory.mktemp("boston"))
    command_line("prepare-data")
    command_line("train")
    command_line("deploy")
    yield command_line
    _end_programs(command_line)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist's own reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that share a trained project in one process, to train it only once."""
    for item in items:
        if "boston" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
