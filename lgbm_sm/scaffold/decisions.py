"""Decide open settings: ask the user, or accept the proposals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lgbm_sm.errors import LgbmSmError
from lgbm_sm.progress import Reporter

T = TypeVar("T")


class Decisions(Protocol):
    """Decides the open settings of a new project."""

    @property
    def is_asking(self) -> bool:
        """Whether the user is asked."""

    def decide(self, question: str, proposed: str, read: Callable[[str], T], reasons: Sequence[str] = ()) -> T:
        """Return the result of `read` for the answer.

        `read` raises an LgbmSmError if it cannot use the answer. `reasons` explain the proposal.
        """


class AcceptedProposals:
    """Accepts each proposal without a question. `decide` passes on the error of `read`."""

    is_asking = False

    def decide(self, question: str, proposed: str, read: Callable[[str], T], reasons: Sequence[str] = ()) -> T:  # noqa: ARG002 - the proposal is the answer
        return read(proposed)


@dataclass(frozen=True)
class Interview:
    """Ask the user, and ask again if the answer cannot be used.

    `ask` gets a question and the meaning of an empty answer.
    """

    ask: Callable[[str, str], str]
    reporter: Reporter
    is_asking: bool = True

    def decide(self, question: str, proposed: str, read: Callable[[str], T], reasons: Sequence[str] = ()) -> T:
        for reason in reasons:
            self.reporter.detail(reason)
        while True:
            answer = self.ask(question, proposed)
            try:
                return read(answer)
            except LgbmSmError as error:
                self.reporter.warn(error.message)
