"""Run a command at a terminal, and answer its questions."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

_WAIT_SECONDS = 100


class Terminal(contextlib.AbstractContextManager["Terminal"]):
    """Runs `lgbm-sm` in `folder`, with stdin and stderr at a terminal.

    Its stdout can be read when it has ended. With `shows_stdout`, stdout is at the terminal too.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        shows_stdout: bool = False,
    ) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lgbm_sm", *arguments],
            cwd=folder,
            env={**os.environ, "TERM": "dumb", **(environment or {})},
            stdin=theirs,
            stderr=theirs,
            stdout=theirs if shows_stdout else subprocess.PIPE,
            text=True,
        )
        os.close(theirs)
        self._unread = ""

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        os.close(self._ours)

    def answer(self, question: str, text: str) -> str:
        """Wait for `question` at the end of the output, and answer it. Return the output up to it."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while not self._unread.endswith(question):
            assert self._read(deadline), f"{question!r} was not asked; what was said:\n{self._unread}"
        said, self._unread = self._unread, ""
        os.write(self._ours, f"{text}\n".encode())
        return said

    def wait_for(self, text: str) -> None:
        """Wait until the output contains `text`."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while text not in self._unread:
            assert self._read(deadline), f"{text!r} was not said, but:\n{self._unread}"

    def interrupt(self) -> None:
        """Interrupt the command, as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str, str]:
        """Return the exit code, stdout, and the output since the last answer."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while self._read(deadline):
            pass
        stdout, _ = self._process.communicate(timeout=_WAIT_SECONDS)
        return self._process.returncode, stdout or "", self._unread

    def _read(self, deadline: float) -> bool:
        """Read the next part of the output. Return False at its end."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        chunk = b""
        if ready:
            with contextlib.suppress(OSError):  # Linux says so where the other end is closed
                chunk = os.read(self._ours, 1 << 16)
        self._unread += chunk.decode().replace("\r\n", "\n")
        return bool(chunk)
