"""Send one request to an endpoint.

Over HTTP on this machine, or through SageMaker's runtime. A sender sends it once, and reports the outcome: a request
that was slow, or whose connection broke, may have been computed and billed. The module `retries` decides whether to
send it again.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lgbm_sm import contract
from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.errors import AwsError, InvocationError
from lgbm_sm.record.entries import Endpoint

if TYPE_CHECKING:
    from http.client import HTTPConnection

CONNECT_SECONDS = 5.0
READ_SECONDS = 70.0  # the platform answers within 60 s; a client that gives up earlier pays for the answer
_SEE = "see `lgbm-sm status` and `lgbm-sm logs`"


class NotSentError(InvocationError):
    """No connection was made, so nothing was sent."""


class LostConnectionError(InvocationError):
    """The connection ended before the answer was complete: the server may have computed it."""


@dataclass(frozen=True)
class Response:
    """The server's answer; `attributes` are the custom attributes, which may be empty."""

    status: int
    body: bytes
    attributes: str = ""


class Sender(Protocol):
    """Sends requests with the same headers, from several threads at once."""

    def send(self, body: bytes) -> Response:
        """Send one request, and return the answer, of any status.

        Raises:
            InvocationError: there is none; NotSentError and LostConnectionError if the reason is known.
            AwsError: AWS refuses the call.
        """

    def close(self) -> None:
        """Close the connections."""


class HttpSender:
    """Sends to an endpoint on this machine, over connections that are kept.

    It uses the standard library's client: with large requests, urllib3's pool costs 5 % of the rate.
    """

    def __init__(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        self._address = endpoint.url.removeprefix("http://")
        self._headers = dict(headers)
        self._idle: list[HTTPConnection] = []

    def send(self, body: bytes) -> Response:
        """See Sender."""
        from http.client import HTTPException

        connection = self._connection()
        try:
            if connection.sock is None:
                _open(connection)
            # a server may answer and close before it has read everything
            with suppress(BrokenPipeError):
                connection.request("POST", contract.INVOCATIONS_PATH, body, self._headers)
            answer = connection.getresponse()
            response = Response(answer.status, answer.read(), answer.headers.get(contract.ATTRIBUTES_HEADER, ""))
        except TimeoutError as error:
            connection.close()
            raise InvocationError(str(error), _SEE) from error
        except (OSError, HTTPException) as error:
            connection.close()
            raise LostConnectionError(str(error), _SEE) from error
        self._idle.append(connection)
        return response

    def _connection(self) -> "HTTPConnection":
        from http.client import HTTPConnection

        # another thread may have taken the last one
        with suppress(IndexError):
            return self._idle.pop()
        return HTTPConnection(self._address, timeout=CONNECT_SECONDS)

    def close(self) -> None:
        """See Sender."""
        while self._idle:
            self._idle.pop().close()


def _open(connection: "HTTPConnection") -> None:
    try:
        connection.connect()
    except OSError as error:
        raise NotSentError(str(error), _SEE) from error
    connection.sock.settimeout(READ_SECONDS)


class RuntimeSender:
    """Sends to an endpoint on SageMaker, by its name."""

    def __init__(
        self,
        endpoint_name: str,
        account: AwsAccount,
        headers: Mapping[str, str],
        parallel: int,
        *,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        from botocore.config import Config

        settings = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=read_seconds,
            retries={"total_max_attempts": 1},
            max_pool_connections=parallel,
        )
        self._runtime = account.session.client("sagemaker-runtime", region_name=account.region, config=settings)
        self.parameters = {
            "EndpointName": endpoint_name,
            "ContentType": headers["Content-Type"],
            "Accept": headers["Accept"],
        }
        if contract.ATTRIBUTES_HEADER in headers:
            self.parameters["CustomAttributes"] = headers[contract.ATTRIBUTES_HEADER]

    def send(self, body: bytes) -> Response:
        """See Sender."""
        from botocore.exceptions import ClientError

        try:
            with aws_errors("the endpoint's answer"):
                try:
                    answer: dict[str, Any] = self._runtime.invoke_endpoint(**self.parameters, Body=body)
                    return Response(200, answer["Body"].read(), answer.get("CustomAttributes", ""))
                except ClientError as error:
                    if (refused := _refusal(error.response)) is None:
                        raise
                    return refused
        except AwsError as error:
            if (kind := _kind_of(error.__cause__)) is None:
                raise
            raise kind(str(error.__cause__), _SEE) from error

    def close(self) -> None:
        """See Sender."""
        self._runtime.close()


def _kind_of(error: BaseException | None) -> type[InvocationError] | None:
    """Return the kind of a connection error of botocore; None for any other error."""
    from botocore.exceptions import (
        ConnectionClosedError,
        ConnectTimeoutError,
        EndpointConnectionError,
        HTTPClientError,
        IncompleteReadError,
        ResponseStreamingError,
    )

    match error:
        case EndpointConnectionError() | ConnectTimeoutError():
            return NotSentError
        case ConnectionClosedError() | IncompleteReadError() | ResponseStreamingError():
            return LostConnectionError
        case HTTPClientError():
            return InvocationError
    return None


def _refusal(response: Mapping[str, Any]) -> Response | None:
    """Return the answer of the container, or the platform's answer on its behalf.

    Returns None if the call was refused.
    """
    code = response["Error"]["Code"]
    if code == "ModelError":
        said = str(response.get("OriginalMessage", response["Error"]["Message"]))
        return Response(int(response.get("OriginalStatusCode", 500)), said.encode())
    if code.isdigit() and code not in ("429", "503"):  # a refusal by the gateway has only a status
        return Response(int(code), str(response["Error"]["Message"]).encode())
    return None
