"""The tags of the resources that lgbm-sm creates."""

from collections.abc import Callable, Mapping

from lgbm_sm.aws.account import PROJECT_TAG

ORIGIN_TAG = "lgbm-sm:origin"
Tags = Mapping[str, str]
"""Tag key to value."""
MakeTags = Callable[[], Tags]
"""Called for each new resource: the id of the work folder exists only after the first entry on record."""


def resource_tags(project: str, origin: str, own: Tags) -> dict[str, str]:
    """Return the tags of a resource of `project`: those of lgbm-sm, then the user's (`aws.tags`).

    `origin` is the id of the work folder that creates it, empty if it has none yet.
    """
    return {PROJECT_TAG: project, **({ORIGIN_TAG: origin} if origin else {}), **own}


def as_list(tags: Tags, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags in the form of AWS's APIs; SageMaker's SDK names the members `key` and `value`."""
    return [{key: name, value: text} for name, text in tags.items()]


def sdk_list(tags: Tags) -> list[dict[str, str]]:
    """Return tags in the form of SageMaker's SDK."""
    return as_list(tags, "key", "value")
