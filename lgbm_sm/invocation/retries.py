"""Decide which requests to an endpoint are sent again, how often, and after which pause.

There are three cases. First, a request may be refused before the model gets it. Examples: AWS limits the rate, no
instance is available, or no server listens. Such a request is repeated for up to 15 seconds.

Second, the answer may be lost. Then the model may have processed the request. If lgbm-sm's own program answers, a
repetition is harmless, and the request is repeated twice. If the user's code answers, the request is not repeated.

Third, the model may answer with an error. The request is repeated only if the status is 503.

Source: the errors of InvokeEndpoint in AWS's API reference.
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
    "429",  # a gateway answers with only a status
    "503",
)
_LOST_CODES = ("InternalFailure",)


@dataclass(frozen=True)
class Retries:
    """Sends requests with `sender`, and repeats them if necessary. Several threads may use it.

    `is_our_code` returns whether only lgbm-sm's own program answers. It is called only after a lost answer. `tell`
    shows the reason of each retry. `sleep` waits before a retry. It returns True if there must be no retry.
    """

    sender: Sender
    is_our_code: Callable[[], bool]
    tell: Callable[[str], None]
    sleep: Callable[[float], bool] | None = None
    _given_up: threading.Event = field(default_factory=threading.Event)

    def send(self, body: bytes, what: str) -> Response:
        """Send one request, and return the answer. `what` is the name of the request in messages.

        Raises:
            InvocationError, AwsError: the sender raised this error at the last attempt.
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
        """Return the reason of a failure, and the number of retries that it allows."""
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
        """Stop all retries. A request that waits for a retry ends with its last error."""
        self._given_up.set()

    def close(self) -> None:
        """Close the connections. Call this when no request is open."""
        self.sender.close()
