"""How the domain reports what it is doing: it never prints."""

from typing import Protocol


class Reporter(Protocol):
    """What a command tells the user while it works; the console implements it, tests collect it."""

    def step(self, text: str) -> None:
        """A step begins."""

    def detail(self, text: str) -> None:
        """Something worth knowing about the current step."""

    def warn(self, text: str) -> None:
        """Something that is allowed but probably not meant."""

    def log(self, line: str) -> None:
        """One line, as the training or serving program wrote it."""

    def progress(self, what: str, done: int, total: int) -> None:
        """How many bytes of how many are `what`, such as sent; told again and again until all are."""

    def trace(self, text: str) -> None:
        """Something worth knowing only when one looks for a cause (`-v`)."""
