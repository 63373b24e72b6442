"""The tags of SageMaker's resources, and the Resource Groups Tagging API for all services."""

from __future__ import annotations

from typing import Any

from moto.ecr.models import ecr_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends

from tests.cloud.emulator.calls import ACCOUNT, Call


class Tags:
    """Its methods are operations on tags. SageMaker's tags are stored by ARN."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, str]] = {}

    def reset(self) -> None:
        self.of.clear()

    def put(self, arn: str, tags: list[dict[str, str]] | None) -> None:
        """Store the tags of a new resource."""
        self.of[arn] = {tag["Key"]: tag["Value"] for tag in tags or []}

    def add_tags(self, call: Call) -> dict[str, Any]:
        mine = self.of.setdefault(call.parameters["ResourceArn"], {})
        mine.update({tag["Key"]: tag["Value"] for tag in call.parameters["Tags"]})
        return {"Tags": _listed(mine)}

    def list_tags(self, call: Call) -> dict[str, Any]:
        return {"Tags": _listed(self.of.get(call.parameters["ResourceArn"], {}))}

    def delete_tags(self, call: Call) -> dict[str, Any]:
        for key in call.parameters["TagKeys"]:
            self.of.get(call.parameters["ResourceArn"], {}).pop(key, None)
        return {}

    def get_resources(self, call: Call) -> dict[str, Any]:
        """Return the tagged resources in the region of the call."""
        given = call.parameters
        found = {arn: tags for arn, tags in self._all(call.region).items() if _is_asked_for(arn, tags, given)}
        start, size = int(given.get("PaginationToken") or 0), given.get("ResourcesPerPage", 50)
        end = start + size
        listed = [{"ResourceARN": arn, "Tags": _listed(tags)} for arn, tags in sorted(found.items())]
        return {"ResourceTagMappingList": listed[start:end], "PaginationToken": str(end) if end < len(listed) else ""}

    def _all(self, region: str) -> dict[str, dict[str, str]]:
        mine = {arn: tags for arn, tags in self.of.items() if arn.split(":")[3] == region}
        buckets = s3_backends[ACCOUNT]["aws"]
        taggers = [ecr_backends[ACCOUNT][region].tagger, logs_backends[ACCOUNT][region].tagger, buckets.tagger]
        for tagger in taggers:
            mine.update({arn: tagger.get_tag_dict_for_resource(arn) for arn in tagger.tags})
        abroad = {bucket.arn for bucket in buckets.buckets.values() if bucket.region_name != region}
        return {arn: tags for arn, tags in mine.items() if tags and arn not in abroad}


def _is_asked_for(arn: str, tags: dict[str, str], given: dict[str, Any]) -> bool:
    service, kind = arn.split(":")[2], arn.split(":")[5].partition("/")[0]
    types = given.get("ResourceTypeFilters")
    return (not types or service in types or f"{service}:{kind}" in types) and all(
        wanted["Key"] in tags and (not wanted.get("Values") or tags[wanted["Key"]] in wanted["Values"])
        for wanted in given.get("TagFilters", [])
    )


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
