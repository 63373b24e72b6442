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
    """The status of a finding. A problem makes other commands fail."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class DoctorArea(StrEnum):
    """The area of a check. The first area with a problem decides the exit code."""

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
    """The result of one check. Each text is one line. `fix` is usually a command."""

    check: str
    area: DoctorArea
    status: Status
    message: str
    fix: str = ""


@dataclass(frozen=True)
class DoctorCheck:
    """One check. `name` is its name in the output."""

    name: str
    area: DoctorArea

    def ok(self, message: str) -> Finding:
        return self.finding(Status.OK, message)

    def warning(self, message: str, fix: str) -> Finding:
        return self.finding(Status.WARNING, message, fix)

    def problem(self, message: str, fix: str) -> Finding:
        return self.finding(Status.PROBLEM, message, fix)

    def not_checked(self, because: str) -> Finding:
        """Return a warning that the check was not made, with the reason."""
        return self.finding(Status.WARNING, f"not checked: {because}")

    def finding(self, status: Status, message: str, fix: str = "") -> Finding:
        """Return a finding with each text on one line."""
        return Finding(self.name, self.area, status, " ".join(message.split()), " ".join(fix.split()))

    def look(self, seconds: float, ask: Callable[[], Finding]) -> Finding:
        """Return the finding of `ask`. If `ask` fails, or takes longer than `seconds`, return a problem."""
        try:
            return within(seconds, self.name, ask)
        except LgbmSmError as error:
            return self.problem(error.message, error.hint)


def within(seconds: float, what: str, ask: Callable[[], _Answer]) -> _Answer:
    """Call `ask` with a time limit.

    After the time limit, the thread of the call continues until the process ends. Python cannot interrupt it, for
    example during a DNS lookup.

    Raises:
        TimedOutError: `ask` took longer than `seconds`.
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
    # `result(timeout)` would not do, because `ask` itself may raise TimeoutError
    if wait([outcome], timeout=seconds).done:
        return outcome.result()
    raise TimedOutError(f"no answer within {seconds:g} s", "try again; if it fails again, check your network")
