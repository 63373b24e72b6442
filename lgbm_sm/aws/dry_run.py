"""`--dry-run`: commands run as usual, but an AWS call that changes something is recorded and not sent.

Calls that only read are sent to AWS. So the recorded calls fit the state of the account.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_READS = ("Describe", "Get", "List", "Head", "BatchGet", "BatchCheck")
# the dry run shows only CreateMultipartUpload of a multipart upload, not these calls
_PARTS = ("UploadPart", "CompleteMultipartUpload")
_NOT_SHOWN = ("Body", "ChecksumAlgorithm", "Metadata", "ExpectedBucketOwner")
_PARAMETERS = "lgbm_sm_parameters"
_SAGEMAKER_OPERATION = re.compile(r"(?P<verb>Create|Delete|Describe|Stop)(?P<noun>\w+)")
_DEPTH = 4  # placeholders of an answer are at most this deep
_PLACEHOLDERS = {"repositoryUri": "<registry>/{repositoryName}"}


@dataclass(frozen=True)
class PlannedCall:
    """A call that would change something.

    `service` and `operation` are IAM's names. `parameters` have the form of the AWS API.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class _HttpResponse:
    """The part of an HTTP response that botocore reads."""

    status_code: int


@dataclass
class DryRun:
    """A replacement for AWS that answers each call that changes something.

    It remembers the kind and name of each SageMaker resource that would be created, stopped or deleted.
    """

    calls: list[PlannedCall] = field(default_factory=list)
    _created: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _deleted: set[tuple[str, str]] = field(default_factory=set)
    _stopped: set[tuple[str, str]] = field(default_factory=set)

    def attach(self, session: Any) -> None:
        """Attach to a boto3 session. Call this before the session creates a client."""
        session.events.register("before-parameter-build", self._remember_parameters)
        session.events.register("before-call", self._answer)
        session.events.register("after-call.sagemaker", self._show_stopped)

    def note(self, service: str, operation: str, **parameters: Any) -> None:
        """Record a call that does not go through a boto3 session."""
        self.calls.append(PlannedCall(service, operation, parameters))

    def _remember_parameters(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[_PARAMETERS] = dict(params)

    def _answer(self, model: Any, context: Mapping[str, Any], **_: Any) -> tuple[_HttpResponse, dict[str, Any]] | None:
        """Return the answer to a call, or None if it should be sent to AWS."""
        operation, parameters = str(model.name), context.get(_PARAMETERS, {})
        service = str(model.service_model.signing_name)
        if operation.startswith(_READS):
            return self._describe(operation, parameters) if service == "sagemaker" else None
        if operation not in _PARTS:
            shown = {key: value for key, value in parameters.items() if key not in _NOT_SHOWN}
            self.calls.append(PlannedCall(service, operation, shown))
        if service == "sagemaker":
            self._remember_change(operation, parameters)
        return _HttpResponse(200), {**_placeholder(model.output_shape, parameters), "ResponseMetadata": {}}

    def _remember_change(self, operation: str, parameters: Mapping[str, Any]) -> None:
        verb, resource = _verb_and_resource(operation, parameters)
        match verb:
            case "Create":
                self._created[resource] = _described(resource[0], parameters)
            case "Delete":
                self._deleted.add(resource)
            case "Stop":
                self._stopped.add(resource)

    def _describe(self, operation: str, parameters: Mapping[str, Any]) -> tuple[_HttpResponse, dict[str, Any]] | None:
        """Answer Describe for a resource that would be created or deleted. Return None for other resources."""
        _, resource = _verb_and_resource(operation, parameters)
        if resource in self._deleted:
            error: dict[str, str] = {"Code": "ValidationException", "Message": f'Could not find "{resource[1]}".'}
            return _HttpResponse(400), {"Error": error, "ResponseMetadata": {}}
        created = self._created.get(resource)
        return (_HttpResponse(200), created) if created else None

    def _show_stopped(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        """Set the status to Stopped in AWS's answer about a resource that would be stopped."""
        resource = _verb_and_resource(str(model.name), parsed)[1]
        if resource in self._stopped:
            parsed[f"{resource[0]}Status"] = "Stopped"


def _verb_and_resource(operation: str, parameters: Mapping[str, Any]) -> tuple[str, tuple[str, str]]:
    """Return the verb of a SageMaker operation, and the kind and name of its resource."""
    found = _SAGEMAKER_OPERATION.fullmatch(operation)
    if found is None:
        return "", ("", "")
    return found["verb"], (found["noun"], str(parameters.get(f"{found['noun']}Name", "")))


def _described(noun: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of Describe for a resource that was just created."""
    given = {key: value for key, value in parameters.items() if key != "Tags"}
    status = "InProgress" if noun.endswith("Job") else "Creating"
    return {
        **given,
        f"{noun}Arn": f"arn:aws:sagemaker:::{noun}",
        f"{noun}Status": status,
        "ResponseMetadata": {},
    }


def _placeholder(shape: Any, parameters: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
    """Return an answer that has the members of a real response. Each text is a name in angle brackets."""
    if shape is None or (shape.type_name == "structure" and depth == _DEPTH):
        return {}
    match shape.type_name:
        case "structure":
            return {member: _placeholder(part, parameters, member, depth + 1) for member, part in shape.members.items()}
        case "string":
            return _PLACEHOLDERS.get(name, f"<{name}>").format_map(parameters)
        case "list":
            return []
        case "map":
            return {}
    return None
