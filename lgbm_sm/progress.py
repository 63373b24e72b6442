"""The protocol for progress messages. Modules outside `commands` use it, because they must not print."""

from typing import Protocol


class Reporter(Protocol):
    """The receiver of a command's progress: the console, or a list in tests."""

    def step(self, text: str) -> None:
        """Report that a step begins."""

    def detail(self, text: str) -> None:
        """Report a fact about the current step."""

    def warn(self, text: str) -> None:
        """Warn about something that is allowed but probably a mistake."""

    def log(self, line: str) -> None:
        """Report a line from the log of the training or serving program."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Report the progress of a transfer: `done` of `total` bytes. `what` is a word such as "sent"."""

    def trace(self, text: str) -> None:
        """Report a diagnostic detail. It is shown only with `-v`."""
