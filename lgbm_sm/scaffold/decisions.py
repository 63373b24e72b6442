"""Who decides: a person who is asked, or the proposals where nobody is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lgbm_sm.errors import LgbmSmError
from lgbm_sm.progress import Reporter

T = TypeVar("T")


class Decisions(Protocol):
    """How the open settings of a new project are decided."""

    @property
    def is_asking(self) -> bool:
        """Whether a person is asked."""

    def decide(self, question: str, proposed: str, read: Callable[[str], T], reasons: Sequence[str] = ()) -> T:
        """What `read` makes of the answer.

        `read` raises an LgbmSmError where an answer cannot be used; `reasons` speak for what is proposed.
        """


class TakenProposals:
    """Nobody is asked: each proposal is taken, and one that cannot be used is the error of `read`."""

    is_asking = False

    def decide(self, question: str, proposed: str, read: Callable[[str], T], reasons: Sequence[str] = ()) -> T:  # noqa: ARG002 - the proposal is the answer
        return read(proposed)


@dataclass(frozen=True)
class Interview:
    """A person is asked, again where the answer cannot be used.

    `ask` gets a question and what an empty answer means.
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
