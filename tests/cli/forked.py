"""Fork commands from a process that has all imports, to save their time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CommandLine
from tests.contract.serving import wait_until
from tests.soak.moments import Moment

DRIVER = Path(__file__).with_name("fork_server.py")
ROOT = Path(__file__).parents[2]


class ForkServer:
    """Runs one command at a time. `pid` is the process id of this command."""

    def __init__(self) -> None:
        self.pid = 0
        self._process = subprocess.Popen(
            [sys.executable, str(DRIVER)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, request: dict[str, Any]) -> int:
        """Run a command, and return its exit code in the form of subprocess."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        try:
            self.pid = self._answer()["pid"]
            return self._answer()["code"]
        finally:
            self.pid = 0

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the running command."""
        wait_until(lambda: self.pid != 0)
        os.kill(self.pid, number)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _answer(self) -> dict[str, int]:
        assert self._process.stdout is not None
        answer: dict[str, int] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@dataclass
class ForkedCommandLine(CommandLine):
    """A command line with a fork server.

    Without a `server`, and for a command with input on stdin, it starts a new process like CommandLine.
    """

    server: ForkServer | None = None

    def __call__(self, *arguments: str, exit_code: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        if self.server is None or stdin:
            return super().__call__(*arguments, exit_code=exit_code, stdin=stdin)
        finished = self.run(*arguments)
        assert finished.returncode == exit_code, (
            f"exit code {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
        )
        return finished

    def run(
        self, *arguments: str, kill: tuple[int, str] | None = None, moment: Moment | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command until it ends, or until SIGKILL.

        `kill` is a number and `before` or `after`: SIGKILL comes before or after this write of the record. `moment` is
        another time for SIGKILL.
        """
        assert self.server is not None
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, name) for name in ("stdout", "stderr")]
            code = self.server.run(
                {
                    "arguments": arguments,
                    "folder": str(self.folder),
                    "environment": os.environ | self.environment,
                    "output": [str(path) for path in paths],
                    "kill": kill,
                    "moment": moment,
                }
            )
            stdout, stderr = (path.read_text() for path in paths)
        return subprocess.CompletedProcess(arguments, code, stdout, stderr)
