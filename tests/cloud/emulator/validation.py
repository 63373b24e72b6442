"""Check requests by botocore's model of the service. The errors have AWS's messages."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel, Shape

from tests.cloud.emulator.calls import AwsError, Call

_REFUSED_WITH = {"ecr": "InvalidParameterException", "logs": "InvalidParameterException"}
_KINDS: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
}
# Java's classes of characters that Python's re does not know
_CHARACTERS = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{M}": "", r"\z": r"\Z"}


def check(call: Call) -> None:
    """Raise AwsError with all members that the model of the operation does not allow."""
    shape = _operation(call.service, call.operation).input_shape
    if shape is None:
        return
    problems = list(_problems(shape, call.parameters, ""))
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
        code = _REFUSED_WITH.get(call.service, "ValidationException")
        raise AwsError(code, f"{count}: {'; '.join(problems)}")


@functools.cache
def _operation(service: str, name: str) -> OperationModel:
    try:
        return _service(service).operation_model(name)
    except OperationNotFoundError as error:
        raise AwsError("UnknownOperationException", f"{service} has no operation {name}") from error


@functools.cache  # a session reads each description anew
def _service(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    expected = _KINDS.get(shape.type_name)
    if expected is not None and (not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool)):
        raise AwsError("SerializationException", f"{path or 'the body'} is no {shape.type_name}")
    yield from _constraints(shape, value, path)
    if shape.type_name == "structure":
        yield from _structure_problems(shape, value, path)
    elif shape.type_name == "list":
        for number, item in enumerate(value, 1):
            yield from _problems(shape.member, item, f"{path}.{number}.member")
    elif shape.type_name == "map":
        for name, item in value.items():
            yield from _problems(shape.key, name, path)
            yield from _problems(shape.value, item, f"{path}.{name}.member")


def _structure_problems(shape: Shape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _refusal("null", _below(path, name), "Member must not be null")
    for name, item in value.items():
        if name not in shape.members:
            yield f"Unknown parameter '{_below(path, name)}'"
        elif item is not None:
            yield from _problems(shape.members[name], item, _below(path, name))


def _below(path: str, name: str) -> str:
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _constraints(shape: Shape, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    if shape.type_name in ("structure", "blob", "boolean", "timestamp"):
        return
    sized = shape.type_name in ("string", "list", "map")
    size, subject = (len(value), "length") if sized else (value, "value")
    shown = "'" + str(value) + "'"
    if "min" in limits and size < limits["min"]:
        yield _refusal(shown, path, f"Member must have {subject} greater than or equal to {limits['min']}")
    if "max" in limits and size > limits["max"]:
        yield _refusal(shown, path, f"Member must have {subject} less than or equal to {limits['max']}")
    if limits.get("enum") and value not in limits["enum"]:
        yield _refusal(shown, path, f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]")
    pattern = _compiled(limits["pattern"]) if "pattern" in limits else None
    if pattern is not None and not pattern.fullmatch(value):
        yield _refusal(shown, path, f"Member must satisfy regular expression pattern: {limits['pattern']}")


def _refusal(shown: str, path: str, constraint: str) -> str:
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Compile a pattern. Return None if Python does not support it."""
    for java, python in _CHARACTERS.items():
        pattern = pattern.replace(java, python)
    try:
        return re.compile(pattern)
    except re.error:
        return None
