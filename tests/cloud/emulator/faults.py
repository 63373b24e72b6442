"""Faults that a test requests, and the list of all calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from tests.cloud.emulator.calls import AwsError, Call


class Moment(StrEnum):
    BEFORE = "before"
    AFTER = "after"


class ConnectionBrokenError(ConnectionError):
    """The caller gets no answer, because the connection ends."""


@dataclass
class Recorded:
    """A call, and the error code if it was refused."""

    call: Call
    refused: str = ""


# Called before a call is carried out and after it; a ConnectionBrokenError leaves the caller without an answer.
Observer = Callable[[Call, Moment], None]


@dataclass
class _Planned:
    operation: str
    error: AwsError | None
    times: int
    moment: Moment = Moment.BEFORE


@dataclass
class Faults:
    """The faults. An operation has a name such as `sagemaker:CreateEndpoint`.

    `sagemaker:*` means all operations of the service.
    """

    calls: list[Recorded] = field(default_factory=list)
    observers: list[Observer] = field(default_factory=list)
    throttle_every: int = 0
    credentials_expired: bool = False
    # what each answer has for the Date that it is sent at; nothing is the right one
    date: str = ""
    # instance types that AWS has none of, for jobs and endpoints alike
    no_capacity: set[str] = field(default_factory=set)
    # operation -> seconds that it takes longer; a reset before that leaves the caller without an answer
    slow: dict[str, float] = field(default_factory=dict)
    _planned: list[_Planned] = field(default_factory=list)
    _count: int = 0
    _reset: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        with self._lock:
            self.calls.clear()
            self.observers.clear()
            self.no_capacity.clear()
            self.slow.clear()
            self._planned.clear()
            self._count = self.throttle_every = 0
            self.credentials_expired = False
            self.date = ""
            self._reset.set()
            self._reset = threading.Event()

    def fail(
        self, operation: str, code: str, message: str, status: int = 400, times: int = 1, **members: object
    ) -> None:
        """Refuse the next calls of the operation. `members` are added to the error's structure."""
        self._planned.append(_Planned(operation, AwsError(code, message, status, **members), times))

    def break_connection(self, operation: str, moment: Moment = Moment.BEFORE, times: int = 1) -> None:
        """Break the connection in the next calls, before or after they are executed."""
        self._planned.append(_Planned(operation, None, times, moment))

    def operations(self) -> list[str]:
        """Return the operations of all calls so far."""
        return [str(recorded.call) for recorded in self.calls]

    def before(self, call: Call) -> Recorded:
        """Record the call, and raise the requested error if there is one."""
        with self._lock:
            self._count += 1
            recorded = Recorded(call)
            self.calls.append(recorded)
            throttled = self.throttle_every and self._count % self.throttle_every == 0
            planned = self._take(call, Moment.BEFORE)
            reset, seconds = self._reset, self.slow.get(str(call), 0)
        for observer in list(self.observers):
            observer(call, Moment.BEFORE)
        if seconds and reset.wait(seconds):
            raise ConnectionBrokenError
        error = _throttled(call.service) if throttled else None
        error = _expired(call.service) if self.credentials_expired else error
        if planned is not None:
            if planned.error is None:
                raise ConnectionBrokenError
            error = planned.error
        if error is not None:
            recorded.refused = error.code
            raise error
        return recorded

    def after(self, call: Call) -> None:
        for observer in list(self.observers):
            observer(call, Moment.AFTER)
        with self._lock:
            planned = self._take(call, Moment.AFTER)
        if planned is not None:
            raise ConnectionBrokenError

    def _take(self, call: Call, moment: Moment) -> _Planned | None:
        for planned in self._planned:
            if planned.operation in (str(call), f"{call.service}:*") and planned.moment is moment and planned.times > 0:
                planned.times -= 1
                return planned
        return None


def _throttled(service: str) -> AwsError:
    if service == "s3":
        return AwsError("SlowDown", "Please reduce your request rate.", 503)
    code = "Throttling" if service in ("sts", "iam") else "ThrottlingException"
    return AwsError(code, "Rate exceeded")


def _expired(service: str) -> AwsError:
    if service == "s3":
        return AwsError("ExpiredToken", "The provided token has expired.")
    if service in ("sts", "iam"):
        return AwsError("ExpiredToken", "The security token included in the request is expired", 403)
    return AwsError("ExpiredTokenException", "The security token included in the request is expired")
