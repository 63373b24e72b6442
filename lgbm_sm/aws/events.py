"""Handlers of botocore's events: they report retries, and refuse answers that do not come from AWS."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lgbm_sm.aws.refusals import is_throttling

_ERRORS, _TOO_MANY_REQUESTS, _SERVER_ERROR = 300, 429, 500
_PAGE = re.compile(rb"<(!doctype\s+)?html", re.IGNORECASE)
_SHOWN_BYTES = 80

# this program reads these members; if one is missing, the answer is not from AWS, or the API has changed
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
    """Attach to a botocore session, before the session creates a client. `tell_retry` is called before each retry."""

    def tell(operation: Any, **event: Any) -> None:
        if line := _describe_retry(str(operation.name), **event):
            tell_retry(line)

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
    """Describe botocore's next attempt. Return an empty string if there is no next attempt."""
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
    """Read a time with botocore's parser. Turn its ValueError into an error that botocore reports as a bad answer.

    Raises:
        ResponseParserError: the value is not a time.
    """
    from botocore.parsers import ResponseParserError
    from botocore.utils import parse_timestamp

    try:
        return parse_timestamp(value)
    except ValueError as error:
        raise ResponseParserError(str(error)) from error


def _refuse_foreign_answer(response_dict: Mapping[str, Any], operation_model: Any, **_: Any) -> None:
    """Refuse an HTML page that a proxy sends with status 200.

    Without this check, botocore returns an empty answer or raises KeyError.

    Raises:
        ResponseParserError: the answer does not follow the protocol of the service.
    """
    from botocore.parsers import ResponseParserError

    if operation_model.has_streaming_output or response_dict["status_code"] >= _ERRORS:
        return
    body = response_dict["body"].lstrip()
    is_json = operation_model.service_model.resolved_protocol in ("json", "rest-json")
    if body and (not body.startswith(b"{") if is_json else _PAGE.match(body)):
        shown = body[:_SHOWN_BYTES].decode(errors="replace")
        raise ResponseParserError(f"the answer does not come from AWS: {shown}")


def _require_members(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    """Refuse an answer if a member that this program reads is missing.

    Raises:
        ResponseParserError: a member is missing.
    """
    from botocore.parsers import ResponseParserError

    # the answers of a dry run have no headers
    if http_response.status_code >= _ERRORS or not hasattr(http_response, "headers"):
        return
    missing = [name for name in NEEDED_MEMBERS.get(str(model.name), ()) if name not in parsed]
    if missing:
        raise ResponseParserError(f"the answer to {model.name} has no {', '.join(missing)}")
