"""`--dry-run`: the commands run as ever, but what would change something at AWS is only noted, and answered here.

What only reads is really asked, so that the calls are those that the account's state leads to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_READS = ("Describe", "Get", "List", "Head", "BatchGet", "BatchCheck")
# the pieces of one upload, which its beginning tells
_PIECES = ("UploadPart", "CompleteMultipartUpload")
_BODIES = ("Body", "ChecksumAlgorithm", "Metadata", "ExpectedBucketOwner")
_PARAMETERS = "lgbm_sm_parameters"
# SageMaker's words for what has been deleted
_GONE = "Could not find"


@dataclass(frozen=True)
class PlannedCall:
    """A call that would be made: `service` and `operation` as IAM names them, `parameters` as AWS's API does."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class _Answer:
    """What botocore takes for an HTTP response."""

    status_code: int


@dataclass
class Rehearsal:
    """Takes the place of AWS in sessions that it is attached to, as far as calls would change something."""

    calls: list[PlannedCall] = field(default_factory=list)
    _deleted: set[str] = field(default_factory=set)
    _made: dict[str, dict[str, Any]] = field(default_factory=dict)
    _stopped: set[str] = field(default_factory=set)

    def attach(self, session: Any) -> None:
        """To boto3's session, before it has made a client."""
        session.events.register("before-parameter-build", self._remember)
        session.events.register("before-call", self._answer)
        session.events.register("after-call.sagemaker.DescribeTrainingJob", self._show_stopped)

    def note(self, service: str, operation: str, **parameters: Any) -> None:
        """A call that is not made through a session."""
        self.calls.append(PlannedCall(service, operation, parameters))

    def _remember(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[_PARAMETERS] = dict(params)

    def _answer(self, model: Any, context: Mapping[str, Any], **_: Any) -> tuple[_Answer, dict[str, Any]] | None:
        """None where the call is to be made."""
        operation, parameters = str(model.name), context.get(_PARAMETERS, {})
        name = _name_of(parameters)
        if operation.startswith(_READS):
            if operation in ("DescribeEndpoint", "DescribeTrainingJob") and name in self._deleted:
                error = {"Code": "ValidationException", "Message": f'{_GONE} "{name}".'}
                return _Answer(400), {"Error": error, "ResponseMetadata": {}}
            made = self._made.get(f"{operation.removeprefix('Describe')} {name}")
            return (_Answer(200), made) if made else None
        service = str(model.service_model.signing_name)
        if operation not in _PIECES:
            shown = {key: value for key, value in parameters.items() if key not in _BODIES}
            self.calls.append(PlannedCall(service, operation, shown))
        if operation.startswith("Delete") and name:
            self._deleted.add(name)
        if operation == "StopTrainingJob":
            self._stopped.add(name)
        if service == "sagemaker" and operation.startswith("Create"):
            noun = operation.removeprefix("Create")
            self._made[f"{noun} {name}"] = _described(noun, parameters)
        return _Answer(200), _answer_of(operation, parameters)

    def _show_stopped(self, parsed: dict[str, Any], **_: Any) -> None:
        if parsed.get("TrainingJobName") in self._stopped:
            parsed["TrainingJobStatus"] = "Stopped"


def _name_of(parameters: Mapping[str, Any]) -> str:
    """What a call of SageMaker's is about: CreateEndpoint names an endpoint before its config."""
    for key in ("TrainingJobName", "EndpointName", "EndpointConfigName", "ModelName"):
        if key in parameters:
            return str(parameters[key])
    return ""


def _described(noun: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What Describe would say of it at first."""
    given = {key: value for key, value in parameters.items() if key != "Tags"}
    status = {"TrainingJob": "InProgress", "Endpoint": "Creating"}.get(noun)
    return {
        **given,
        f"{noun}Arn": f"arn:aws:sagemaker:::{noun}",
        **({f"{noun}Status": status} if status else {}),
        "ResponseMetadata": {},
    }


def _answer_of(operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """As much of AWS's answer as the commands look at."""
    answer: dict[str, Any] = {"ResponseMetadata": {}}
    match operation:
        case "CreateRepository":
            answer["repository"] = {"repositoryUri": f"<registry>/{parameters['repositoryName']}"}
        case "PutObject" | "UploadPart" | "CompleteMultipartUpload":
            answer["ETag"] = '"0"'
        case "CreateMultipartUpload":
            answer["UploadId"] = "0"
        case "BatchDeleteImage":
            answer["failures"] = []
    return answer
