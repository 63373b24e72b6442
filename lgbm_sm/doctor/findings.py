"""Checks of `doctor`, their findings, and their time limit."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from lgbm_sm.errors import ExitCode, LgbmSmError, TimedOutError

_Answer = TypeVar("_Answer")


class Status(StrEnum):
    """The effect of a finding on other commands."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class DoctorArea(StrEnum):
    """The area of a check, which decides the exit code.

    The first area that has a problem takes precedence.
    """

    CONFIGURATION = "configuration"
    IMAGE = "image"
    AWS = "aws"

    @property
    def exit_code(self) -> ExitCode:
        return {
            DoctorArea.CONFIGURATION: ExitCode.CONFIG,
            DoctorArea.IMAGE: ExitCode.IMAGE,
            DoctorArea.AWS: ExitCode.AWS,
        }[self]


@dataclass(frozen=True)
class Finding:
    """The result of one check, in one line; `fix` is usually a command."""

    check: str
    area: DoctorArea
    status: Status
    message: str
    fix: str = ""


@dataclass(frozen=True)
class DoctorCheck:
    """One check, by its name in the output."""

    name: str
    area: DoctorArea

    def ok(self, message: str) -> Finding:
        return self.finding(Status.OK, message)

    def warning(self, message: str, fix: str) -> Finding:
        return self.finding(Status.WARNING, message, fix)

    def problem(self, message: str, fix: str) -> Finding:
        return self.finding(Status.PROBLEM, message, fix)

    def not_checked(self, because: str) -> Finding:
        """Return a warning that another problem must be fixed first."""
        return self.finding(Status.WARNING, f"not checked: {because}")

    def finding(self, status: Status, message: str, fix: str = "") -> Finding:
        """Return a finding with each text on one line."""
        return Finding(self.name, self.area, status, " ".join(message.split()), " ".join(fix.split()))

    def look(self, seconds: float, ask: Callable[[], Finding]) -> Finding:
        """Return the finding of `ask`; an error, or no answer in time, is a problem."""
        try:
            return within(seconds, self.name, ask)
        except LgbmSmError as error:
            return self.problem(error.message, error.hint)


def within(seconds: float, what: str, ask: Callable[[], _Answer]) -> _Answer:
    """Call `ask` with a time limit.

    A call that takes longer keeps its thread until the process ends: a name look-up cannot be interrupted.

    Raises:
        TimedOutError: `ask` took longer.
    """
    outcome: Future[_Answer] = Future()

    def work() -> None:
        try:
            answer = ask()
        except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
            outcome.set_exception(error)
        else:
            outcome.set_result(answer)

    threading.Thread(target=work, name=what, daemon=True).start()
    # not result(timeout): `ask` may raise a TimeoutError of its own
    if wait([outcome], timeout=seconds).done:
        return outcome.result()
    raise TimedOutError(f"no answer within {seconds:g} s", "try again; if it fails again, check your network")
