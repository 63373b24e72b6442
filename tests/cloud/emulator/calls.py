"""Convert requests to calls, and answers to the protocol of each service."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.core.routing import get_service_router
from moto.moto_server.werkzeug_app import BackendRequest
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

ACCOUNT = "123456789012"
# the platform's own calls on behalf of jobs and endpoints: neither recorded nor disturbed
PLATFORM_KEY = "PLATFORMPLATFORM0000"

# what stands in the signature's scope or before the target's point -> botocore's name
_SIGNED_AS = {"servicequotas": "service-quotas", "tagging": "resourcegroupstaggingapi"}


class AwsError(Exception):
    """The error with which a service refuses a call."""

    def __init__(self, code: str, message: str, status: int = 400, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        # members of the error's structure beside its message
        self.members = members


@dataclass(frozen=True)
class Call:
    """A call of an operation, with botocore's names."""

    service: str
    operation: str
    parameters: dict[str, Any]
    region: str
    access_key: str
    # of an operation whose answer or request is a stream of bytes
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"

    def arn(self, resource: str) -> str:
        """Return the ARN of a SageMaker resource."""
        return f"arn:aws:sagemaker:{self.region}:{ACCOUNT}:{resource}"


def read_call(request: BackendRequest) -> Call | None:
    """Return the call in a signed request, or None if the request is not a call.

    Of S3's bodies, only the list of objects to delete is parsed.
    """
    scope = _signature_scope(request)
    if scope is None:
        return None
    access_key, region, signed_as = scope
    service = _SIGNED_AS.get(signed_as, signed_as)
    headers = dict(request.headers.items())
    if service == "s3":
        operation, parameters = _s3_operation(request)
        body = request.get_data() if operation == "DeleteObjects" else b""
        return Call(service, operation, parameters, region, access_key, body, headers)
    body = request.get_data()
    target = request.headers.get("X-Amz-Target", "")
    if service == "sagemaker" and not target:
        parts = request.path.strip("/").split("/")
        if len(parts) == 3 and parts[0] == "endpoints" and parts[2] == "invocations":
            parameters = {"EndpointName": parts[1]}
            return Call("sagemaker-runtime", "InvokeEndpoint", parameters, region, access_key, body, headers)
        return None
    if target:
        return Call(service, target.rpartition(".")[2], _json_object(body), region, access_key, body, headers)
    form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    operation = form.pop("Action", request.path.rpartition("/")[2])
    return Call(service, operation, form, region, access_key, body, headers)


def _signature_scope(request: BackendRequest) -> tuple[str, str, str] | None:
    """Return the access key, the region and the service in the signature of the request."""
    signature = request.headers.get("Authorization", "")
    credential = signature.partition("Credential=")[2].partition(",")[0] or request.args.get("X-Amz-Credential", "")
    parts = credential.split("/")
    return (parts[0], parts[2], parts[3].lower()) if len(parts) == 5 else None


def _s3_operation(request: BackendRequest) -> tuple[str, dict[str, Any]]:
    try:
        operation, parameters = get_service_router("s3").match(request)
    except NotFound:
        return f"{request.method} {request.path}", {}
    return str(operation.name), {**request.args.to_dict(), **parameters}


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise AwsError("SerializationException", "the body is no JSON object")
    return parsed


def json_answer(content: dict[str, Any]) -> Response:
    """Return an answer of a service with the JSON protocol.

    Members without a value are left out. Times are in seconds.
    """
    body = json.dumps(_without_nothing(content), default=_as_seconds)
    return Response(body, content_type="application/x-amz-json-1.1", headers={"x-amzn-RequestId": str(uuid.uuid4())})


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nothing(item) for name, item in value.items() if item is not None}
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value


def _as_seconds(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value)} has no JSON")


def error_answer(service: str, error: AwsError) -> Response:
    request_id = str(uuid.uuid4())
    code, message = escape(error.code), escape(error.message)
    if service == "s3":
        body = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
        return Response(body, error.status, content_type="application/xml")
    if service in ("sts", "iam"):
        inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        body = f"<ErrorResponse>{inner}<RequestId>{request_id}</RequestId></ErrorResponse>"
        return Response(body, error.status, content_type="text/xml")
    named = {"Message" if service == "sagemaker-runtime" else "message": error.message, **error.members}
    headers = {"x-amzn-RequestId": request_id}
    if service != "sagemaker-runtime":
        named["__type"] = error.code
    elif not error.code.isdigit():  # where the gateway itself refuses, only the status tells
        headers["x-amzn-ErrorType"] = error.code
    return Response(json.dumps(named), error.status, content_type="application/x-amz-json-1.1", headers=headers)
