"""The protocol for progress messages.

Modules outside `commands` use it, because they must not print.
"""

import re
from typing import Protocol

_ITERATION = re.compile(r"iteration=(\d+ of \d+) (.+)")
_METRIC = re.compile(r"(\w+):(\w+)=(\S+)")


class Reporter(Protocol):
    """The receiver of a command's progress: the console, or a list in tests."""

    def step(self, text: str) -> None:
        """Report that a step begins."""

    def detail(self, text: str) -> None:
        """Report a fact about the current step."""

    def warn(self, text: str) -> None:
        """Warn about something that is allowed but probably a mistake."""

    def log(self, line: str, brief: str = "") -> None:
        """Pass on a line of the training or serving program.

        On a terminal, the text `brief`, if it is given, is shown instead of the line, until the next message.
        """

    def progress(self, what: str, done: int, total: int) -> None:
        """Report the progress of a transfer: `done` of `total` bytes.

        `what` is a word such as "sent".
        """

    def status(self, text: str) -> None:
        """Show on a terminal what is being done now, until the next message."""

    def trace(self, text: str) -> None:
        """Report a diagnostic detail, which is shown only with `-v`."""


def iteration_text(line: str) -> str:
    """Return a short text for a line of the training log with the metrics of an iteration, else an empty text."""
    found = _ITERATION.fullmatch(line)
    if found is None:
        return ""
    metrics = ", ".join(f"{channel} {name} {float(value):.6g}" for channel, name, value in _METRIC.findall(found[2]))
    return f"iteration {found[1]}: {metrics}"
