"""What a check finds, and how long it may take."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from lgbm_sm.errors import ExitCode, LgbmSmError, TimedOutError

_Answer = TypeVar("_Answer")


class Status(StrEnum):
    """What a finding means for the commands that come after."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Area(StrEnum):
    """What a problem concerns, and so which exit code it gives; the gravest first, since more commands need it."""

    CONFIGURATION = "configuration"
    IMAGE = "image"
    AWS = "aws"

    @property
    def exit_code(self) -> ExitCode:
        return {Area.CONFIGURATION: ExitCode.CONFIG, Area.IMAGE: ExitCode.IMAGE, Area.AWS: ExitCode.AWS}[self]


@dataclass(frozen=True)
class Finding:
    """What one check has found, in one line; `remedy` says what mends it, mostly a command."""

    check: str
    area: Area
    status: Status
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """One thing to look at."""

    name: str
    area: Area

    def ok(self, message: str) -> Finding:
        return self.finding(Status.OK, message)

    def warning(self, message: str, remedy: str) -> Finding:
        return self.finding(Status.WARNING, message, remedy)

    def problem(self, message: str, remedy: str) -> Finding:
        return self.finding(Status.PROBLEM, message, remedy)

    def not_checked(self, because: str) -> Finding:
        """It cannot be looked at before something else is mended."""
        return self.finding(Status.WARNING, f"not checked: {because}")

    def finding(self, status: Status, message: str, remedy: str = "") -> Finding:
        """Both texts become one line each."""
        return Finding(self.name, self.area, status, " ".join(message.split()), " ".join(remedy.split()))

    def look(self, seconds: float, ask: Callable[[], Finding]) -> Finding:
        """What `ask` finds within that time; what it raises, or no answer, is a problem."""
        try:
            return within(seconds, self.name, ask)
        except LgbmSmError as error:
            return self.problem(error.message, error.hint)


def within(seconds: float, what: str, ask: Callable[[], _Answer]) -> _Answer:
    """What `ask` returns or raises, unless it takes longer.

    A thread is left behind then, since looking a name up can be bounded in no other way; it ends with the process.

    Raises:
        TimedOutError: it took longer.
    """
    outcome: Future[_Answer] = Future()

    def work() -> None:
        try:
            answer = ask()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            outcome.set_exception(error)
        else:
            outcome.set_result(answer)

    threading.Thread(target=work, name=what, daemon=True).start()
    # not result(timeout): a TimeoutError that `ask` itself raises is no timeout of ours
    if wait([outcome], timeout=seconds).done:
        return outcome.result()
    raise TimedOutError(f"no answer within {seconds:g} s", "try again; if it stays so, see that the network is there")
