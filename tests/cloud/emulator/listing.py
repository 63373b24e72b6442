"""Answers of SageMaker's List operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tests.cloud.emulator.calls import Call

_PAGE = 10  # SageMaker's own, where MaxResults says nothing


def page(
    call: Call, member: str, resources: Iterable[Mapping[str, Any]], name: str, others: tuple[str, ...]
) -> dict[str, Any]:
    """Return a page of summaries of the resources that the call asks for.

    A summary has the members `name` and `others`. Without SortOrder, the newest resource comes first, as on SageMaker.
    """
    given = call.parameters
    status = next((other for other in others if other.endswith("Status")), "")
    found = [
        resource
        for resource in resources
        if given.get("NameContains", "").lower() in resource[name].lower()
        and given.get("StatusEquals", resource.get(status)) == resource.get(status)
        and given.get("CreationTimeAfter", 0) <= _seconds(resource) <= given.get("CreationTimeBefore", float("inf"))
    ]
    by_name = given.get("SortBy") == "Name"
    found.sort(key=lambda resource: (resource[name], 0) if by_name else ("", _seconds(resource)))
    if given.get("SortOrder", "Descending") == "Descending":
        found.reverse()
    start = int(given.get("NextToken", 0))
    end = start + given.get("MaxResults", _PAGE)
    summaries = [{member: resource.get(member) for member in (name, *others)} for resource in found[start:end]]
    return {member: summaries, "NextToken": str(end) if end < len(found) else None}


def _seconds(resource: Mapping[str, Any]) -> float:
    created: datetime = resource["CreationTime"]
    return created.timestamp()
