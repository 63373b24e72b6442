"""What is done at botocore's events: retries are shown, and an answer that is not AWS's is refused."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lgbm_sm.aws.refusals import is_throttling

_ERRORS, _TOO_MANY_REQUESTS, _SERVER_ERROR = 300, 429, 500
_PAGE = re.compile(rb"<(!doctype\s+)?html", re.IGNORECASE)
_SHOWN_BYTES = 80

# what is read of each answer: where it is missing, something else than AWS answers, or AWS has changed
NEEDED_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "BatchDeleteImage": ("failures",),
    "BatchGetImage": ("images",),
    "CreateRepository": ("repository",),
    "DescribeEndpoint": ("CreationTime", "EndpointConfigName", "EndpointName", "EndpointStatus"),
    "DescribeEndpointConfig": ("CreationTime", "EndpointConfigName", "ProductionVariants"),
    "DescribeLogGroups": ("logGroups",),
    "DescribeLogStreams": ("logStreams",),
    "DescribeModel": ("CreationTime", "ModelName"),
    "DescribeRepositories": ("repositories",),
    "DescribeTrainingJob": ("CreationTime", "SecondaryStatus", "TrainingJobName", "TrainingJobStatus"),
    "GetAuthorizationToken": ("authorizationData",),
    "GetCallerIdentity": ("Account", "Arn"),
    "GetLogEvents": ("events", "nextForwardToken"),
    "GetResources": ("ResourceTagMappingList",),
    "GetRole": ("Role",),
    "ListAWSDefaultServiceQuotas": ("Quotas",),
    "ListServiceQuotas": ("Quotas",),
    "PutImage": ("image",),
}


def attach(session: Any, tell_retry: Callable[[str], None]) -> None:
    """To botocore's session, before it has made a client. `tell_retry` gets a line before each wait."""

    def tell(operation: Any, **event: Any) -> None:
        if said := _describe_retry(str(operation.name), **event):
            tell_retry(said)

    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_read_timestamp)
    session.register("needs-retry", tell)
    session.register("before-parse", _refuse_foreign_answer)
    session.register("after-call", _require_members)


def _describe_retry(
    operation: str,
    *,
    response: tuple[Any, Mapping[str, Any]] | None,
    attempts: int,
    caught_exception: Exception | None,
    request_dict: Mapping[str, Any],
    **_: Any,
) -> str:
    """A line about the attempt that botocore makes next; empty if it makes none, which it has decided already."""
    answer = response[1] if response else {}
    metadata, code = answer.get("ResponseMetadata", {}), answer.get("Error", {}).get("Code", "")
    most = request_dict["context"].get("retries", {}).get("max", 0)
    if attempts >= most or "RetryQuotaReached" in metadata:
        return ""
    status = metadata.get("HTTPStatusCode", 0)
    attempt = f"trying again (attempt {attempts + 1} of {most})"
    if is_throttling(code) or status == _TOO_MANY_REQUESTS:
        return f"AWS throttles {operation}: {attempt}"
    if caught_exception is not None or status >= _SERVER_ERROR:
        return f"AWS does not answer {operation}: {attempt}"
    return ""


def _read_timestamp(value: Any) -> Any:
    """Read a time as botocore does, whose ValueError would look like a mistake of this program.

    Raises:
        ResponseParserError: it is not a time.
    """
    from botocore.parsers import ResponseParserError
    from botocore.utils import parse_timestamp

    try:
        return parse_timestamp(value)
    except ValueError as error:
        raise ResponseParserError(str(error)) from error


def _refuse_foreign_answer(response_dict: Mapping[str, Any], operation_model: Any, **_: Any) -> None:
    """Refuse a proxy's page with status 200, in which botocore finds an answer without members, or a KeyError.

    Raises:
        ResponseParserError: it is not what the service's protocol asks for.
    """
    from botocore.parsers import ResponseParserError

    if operation_model.has_streaming_output or response_dict["status_code"] >= _ERRORS:
        return
    body = response_dict["body"].lstrip()
    is_json = operation_model.service_model.resolved_protocol in ("json", "rest-json")
    if body and (not body.startswith(b"{") if is_json else _PAGE.match(body)):
        shown = body[:_SHOWN_BYTES].decode(errors="replace")
        raise ResponseParserError(f"the answer is not one of AWS: {shown}")


def _require_members(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    """Refuse an answer without a member that is read of it.

    Raises:
        ResponseParserError: one is missing.
    """
    from botocore.parsers import ResponseParserError

    # what a dry run answers itself has no headers, and no more than it needs
    if http_response.status_code >= _ERRORS or not hasattr(http_response, "headers"):
        return
    missing = [name for name in NEEDED_MEMBERS.get(str(model.name), ()) if name not in parsed]
    if missing:
        raise ResponseParserError(f"the answer to {model.name} has no {', '.join(missing)}")
