"""Write results to stdout and messages to stderr. Messages have colors only on a terminal."""

import json
import os
import select
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from lgbm_sm.errors import ExitCode, LgbmSmError, OutputClosedError, UsageError

if TYPE_CHECKING:
    import rich.progress

_CLEARED_LINE = "\r\x1b[2K"  # ECMA-48: erase the whole line


class OutputFormat(StrEnum):
    """The format of the result on stdout."""

    TEXT = "text"
    JSON = "json"


class Console:
    """The output of a command: messages and the result. It implements `Reporter`.

    `is_silent` is true during a dry run, because its steps do not happen. Warnings and errors are still shown.
    """

    def __init__(self, *, output: OutputFormat, verbose: bool, environment: Mapping[str, str]) -> None:
        self.output = output
        self.is_silent = False
        self._verbose = verbose
        self._styled = is_terminal(environment)
        self._bar: rich.progress.Progress | None = None
        self._has_status = False

    def step(self, text: str) -> None:
        if not self.is_silent:
            self._say(f"==> {text}", "bold")

    def detail(self, text: str) -> None:
        if not self.is_silent:
            self._say(f"    {text}")

    def warn(self, text: str) -> None:
        self._say(f"warning: {text}", "yellow")

    def log(self, line: str, brief: str = "") -> None:
        if brief and self._styled and not self._verbose:
            self.status(brief)
        else:
            self._say(f"  | {line}", "dim")

    def status(self, text: str) -> None:
        """Show a line that the next message replaces. Elsewhere than on a terminal, show nothing."""
        if self.is_silent or not self._styled:
            return
        self._end_bar()
        width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be replaced
        sys.stderr.write(f"{_CLEARED_LINE}{f'    {text}'[:width]}")
        sys.stderr.flush()
        self._has_status = True

    def progress(self, what: str, done: int, total: int) -> None:
        """Show a progress bar on a terminal. If stderr is not a terminal, show nothing."""
        if self.is_silent or not self._styled or not total:
            return
        if self._bar is None:
            self._bar = _bytes_bar()
            self._bar.add_task(f"    {what}", total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)
        if done >= total:
            self._end_bar()

    def _end_bar(self) -> None:
        if self._has_status:
            sys.stderr.write(_CLEARED_LINE)
            sys.stderr.flush()
            self._has_status = False
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def trace(self, text: str) -> None:
        if self._verbose:
            self._say(f"    {text}", "dim")

    def error(self, error: LgbmSmError) -> None:
        """Write `error:` and `hint:` to stderr. With JSON output, also write an object to stdout."""
        self.failure(error.message, error.hint, error.exit_code)

    def failure(self, message: str, hint: str, exit_code: ExitCode) -> None:
        """Report a failure that is not an LgbmSmError, such as an interrupt."""
        self._say(f"error: {message}", "bold red")
        if hint:
            self._say(f"hint: {hint}", "cyan")
        if self.output is OutputFormat.JSON:
            self.json({"error": {"message": message, "hint": hint, "exit_code": int(exit_code)}})

    def json(self, payload: Mapping[str, Any]) -> None:
        """Write a result as one JSON document to stdout."""
        self.write((json.dumps(payload, indent=2, default=_json_value) + "\n").encode())

    def result(self, payload: Mapping[str, Any], text: str) -> None:
        """Write a result to stdout: the payload with JSON output, otherwise the text."""
        if self.output is OutputFormat.JSON:
            self.json(payload)
        elif text:
            self.write((text.rstrip("\n") + "\n").encode())

    def write(self, chunk: bytes) -> None:
        """Write bytes of a result to stdout, unchanged.

        Raises:
            OutputClosedError: the reader of stdout has closed the pipe.
        """
        self._end_bar()
        try:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            _discard(sys.stdout)
            raise OutputClosedError("stdout was closed") from error

    def confirm(self, question: str) -> bool:
        """Ask a yes-or-no question on the terminal. The default is no. Call `can_ask` first."""
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def ask(self, question: str, proposed: str) -> str:
        """Ask for a text on the terminal. An empty answer means the proposed text.

        Call `can_ask` first.

        Raises:
            UsageError: stdin has ended.
        """
        self._end_bar()
        sys.stderr.write(f"{question} [{proposed}] ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise UsageError("no answer: stdin has ended", "pass the answers as options; --help shows them")
        return line.strip() or proposed

    def _say(self, text: str, style: str | None = None) -> None:
        self._end_bar()  # a message, such as an error, may come during a transfer
        if not self._styled:
            try:
                sys.stderr.write(text + "\n")
                sys.stderr.flush()
            except BrokenPipeError:  # the command continues even if nobody reads its messages
                _discard(sys.stderr)
            return
        import rich.console
        import rich.text

        # rich would read brackets in a log as styles, so pass Text and not a string
        rich.console.Console(stderr=True, highlight=False, soft_wrap=True).print(rich.text.Text(text, style or ""))


def _bytes_bar() -> "rich.progress.Progress":
    import rich.console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=rich.console.Console(stderr=True))


def is_closed(stream: TextIO) -> bool:
    """Return whether `stream` is a pipe that its reader has closed."""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _discard(stream: TextIO) -> None:
    """Redirect the stream to the null device.

    Python flushes it again at exit, and this must not fail.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def is_terminal(environment: Mapping[str, str]) -> bool:
    """Return whether a person reads stderr.

    A CI system may look like a terminal, but sets `CI=true`.
    """
    return sys.stderr.isatty() and not environment.get("CI") and environment.get("TERM") != "dumb"


def can_ask() -> bool:
    """Return whether a person can answer a question: stdin must be a terminal."""
    return sys.stdin.isatty()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as text.

    The first line contains the column names, and each row is one line.
    """
    lines = [tuple(columns), *(tuple(row) for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _json_value(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
