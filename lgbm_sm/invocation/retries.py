"""Decide which requests to an endpoint are sent again, how often, and after which pause.

A request that was refused before the model saw it is repeated for up to 15 seconds: AWS limits the rate, no instance
is available, or nothing listens. If the answer was lost, the model may have seen the request. That is harmless if
lgbm-sm's own program answers, so it is repeated twice; it is never repeated if a user's code may have acted on it. An
error that the model itself answered is final, except 503. Source: the errors of InvokeEndpoint in AWS's API reference.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from lgbm_sm.errors import AwsError, InvocationError
from lgbm_sm.invocation.transport import LostConnectionError, NotSentError, Response, Sender

_REFUSED_RETRIES = 5
_LOST_RETRIES = 2
_FIRST_PAUSE_SECONDS = 0.5
_UNAVAILABLE = 503
_REFUSED_CODES = (
    "ModelNotReadyException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "429",  # the answer of a gateway has only a status
    "503",
)
_LOST_CODES = ("InternalFailure",)


@dataclass(frozen=True)
class Retries:
    """Sends requests through `sender`, with retries, from several threads at once.

    `is_our_code` returns whether lgbm-sm's own program answers; it is called only if an answer was lost. `tell` gets
    each reason with the pause that follows. `sleep` returns True if there should be no further attempt.
    """

    sender: Sender
    is_our_code: Callable[[], bool]
    tell: Callable[[str], None]
    sleep: Callable[[float], bool] | None = None
    _given_up: threading.Event = field(default_factory=threading.Event)

    def send(self, body: bytes, what: str) -> Response:
        """Send one request, and return the answer; `what` names it to the user.

        Raises:
            InvocationError, AwsError: as the sender raises them at the last attempt.
        """
        attempt = 1
        while True:
            outcome = self._outcome(body)
            reason, retries = self._judge(outcome)
            if attempt > retries or self._pause(what, reason, attempt, retries):
                break
            attempt += 1
        if isinstance(outcome, Response):
            return outcome
        raise outcome

    def _outcome(self, body: bytes) -> Response | InvocationError | AwsError:
        try:
            return self.sender.send(body)
        except (InvocationError, AwsError) as error:
            return error

    def _judge(self, outcome: Response | InvocationError | AwsError) -> tuple[str, int]:
        """Return why a request failed, and how often it may be repeated."""
        if isinstance(outcome, Response):
            return f"the server answered {outcome.status}", _REFUSED_RETRIES if outcome.status == _UNAVAILABLE else 0
        code = outcome.code if isinstance(outcome, AwsError) else ""
        if isinstance(outcome, NotSentError) or code in _REFUSED_CODES or "Throttl" in code:
            retries = _REFUSED_RETRIES
        elif isinstance(outcome, LostConnectionError) or code in _LOST_CODES:
            retries = _LOST_RETRIES if self.is_our_code() else 0
        else:
            retries = 0
        return code or outcome.message, retries

    def _pause(self, what: str, reason: str, attempt: int, retries: int) -> bool:
        seconds = random.uniform(0.5, 1.0) * _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)  # noqa: S311 - no secret
        self.tell(f"{what}: {reason}; sent again in {seconds:.1f} s (retry {attempt} of {retries})")
        return (self.sleep or self._given_up.wait)(seconds)

    def give_up(self) -> None:
        """Stop all retries; requests that wait for one end with their last failure."""
        self._given_up.set()

    def close(self) -> None:
        """Close the connections when no request is open."""
        self.sender.close()
