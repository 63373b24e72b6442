"""InvokeEndpoint: limits, headers and errors of the runtime."""

from __future__ import annotations

import http.client

from werkzeug.wrappers import Response

from tests.cloud.emulator.calls import ACCOUNT, AwsError, Call
from tests.cloud.emulator.hosting import Hosting
from tests.cloud.emulator.variant import LOG_GROUP

MAX_BYTES = 6 * 1024 * 1024
# what reaches the container; all else is stripped
_PASSED = (
    "Content-Type",
    "Accept",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-Inference-Id",
    "X-Amzn-SageMaker-Session-Id",
)


class Runtime:
    """Its method is the operation InvokeEndpoint."""

    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting

    def invoke_endpoint(self, call: Call) -> Response:
        if len(call.body) > MAX_BYTES:
            raise AwsError("413", f"HTTP content length exceeded {MAX_BYTES} bytes.", 413)
        name = call.parameters["EndpointName"]
        endpoint = self._hosting.endpoints.get(call.arn(f"endpoint/{name}".lower()))
        variant = None if endpoint is None else endpoint.variant
        if variant is None:
            raise AwsError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        given = {header.lower(): value for header, value in call.headers.items()}
        headers = {header: given[header.lower()] for header in _PASSED if header.lower() in given}
        try:
            status, answered, body = variant.ask(call.body, headers)
        except TimeoutError as error:
            message = (
                "Your invocation timed out while waiting for a response from container primary. Review the latency "
                "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
            )
            raise _model_error(call, 0, message) from error
        except (OSError, http.client.HTTPException) as error:
            message = "An error occurred while handling request as the model process exited."
            raise _model_error(call, 503, message) from error
        if not 200 <= status < 300:
            raise _model_error(call, status, body.decode(errors="replace"))
        kept = {"x-Amzn-Invoked-Production-Variant": variant.name}
        attributes = answered.get("x-amzn-sagemaker-custom-attributes")
        if attributes is not None:
            kept["X-Amzn-SageMaker-Custom-Attributes"] = attributes
        return Response(body, 200, content_type=answered.get("content-type"), headers=kept)


def _model_error(call: Call, status: int, message: str) -> AwsError:
    name, region = call.parameters["EndpointName"], call.region
    side = "client" if 400 <= status < 500 else "server"
    console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
    return AwsError(
        "ModelError",
        f'Received {side} error ({status}) from primary with message "{message}". See '
        f"{console}#logEventViewer:group={LOG_GROUP}/{name} in account {ACCOUNT} for more information.",
        424,
        OriginalStatusCode=status,
        OriginalMessage=message,
        LogStreamArn=f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{LOG_GROUP}/{name}",
    )
