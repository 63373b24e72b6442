"""Send one request to an endpoint: over HTTP on this machine, or to SageMaker's runtime.

A sender sends a request only once. If the answer is slow or lost, the endpoint may still have processed the request,
and AWS may bill it. The module `retries` decides whether to send it again.
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
READ_SECONDS = 70.0  # SageMaker answers within 60 s; a client that gives up earlier also pays for the request
_SEE = "see `lgbm-sm status` and `lgbm-sm logs`"


class NotSentError(InvocationError):
    """The connection failed, so the request was not sent."""


class LostConnectionError(InvocationError):
    """The connection ended before the answer was complete. The server may have computed it."""


@dataclass(frozen=True)
class Response:
    """The answer of the server. `attributes` are its custom attributes, or empty."""

    status: int
    body: bytes
    attributes: str = ""


class Sender(Protocol):
    """Sends requests that all have the same headers. Several threads may use it at once."""

    def send(self, body: bytes) -> Response:
        """Send one request, and return the answer. The answer may have any status.

        Raises:
            NotSentError: the connection failed, so the request was not sent.
            LostConnectionError: the connection ended before the answer was complete.
            InvocationError: there is no answer for another reason.
            AwsError: AWS refuses the call.
        """

    def close(self) -> None:
        """Close the connections."""


class HttpSender:
    """Sends requests to an endpoint on this machine. It keeps its connections open.

    It uses the HTTP client of the standard library, which sends 5 % more large requests per second than urllib3.
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
            # a server may answer and close the connection before it has read the whole request
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

        # another thread may take the last idle connection first
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
    """Sends requests to an endpoint on SageMaker."""

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
    """Return our class for a connection error of botocore, or None for another error."""
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
    """Return the answer of the container, or the answer that SageMaker gives in its place.

    Returns None if AWS refused the call.
    """
    code = response["Error"]["Code"]
    if code == "ModelError":
        said = str(response.get("OriginalMessage", response["Error"]["Message"]))
        return Response(int(response.get("OriginalStatusCode", 500)), said.encode())
    if code.isdigit() and code not in ("429", "503"):  # with these two, a gateway has refused the request
        return Response(int(code), str(response["Error"]["Message"]).encode())
    return None
