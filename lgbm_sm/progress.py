"""The protocol for progress messages; modules outside `commands` do not print."""

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
        """Pass on a line of the training or serving program."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Report that `done` of `total` bytes are `what`, such as sent; called repeatedly."""

    def trace(self, text: str) -> None:
        """Report a diagnostic detail, which is shown with `-v`."""
