"""The tags of the resources that lgbm-sm creates."""

from collections.abc import Callable, Mapping

from lgbm_sm.aws.account import PROJECT_TAG

ORIGIN_TAG = "lgbm-sm:origin"
Tags = Mapping[str, str]
"""Tag key to value."""
MakeTags = Callable[[], Tags]
"""A function that returns the tags of a new resource.

The tags contain the id of the work folder, which exists only after the first entry in the record.
"""


def resource_tags(project: str, origin: str, own: Tags) -> dict[str, str]:
    """Return the tags of a new resource: lgbm-sm's tags, then the user's tags (`own`, from `aws.tags`).

    `origin` is the id of the work folder that creates the resource. It is empty if the folder has no id yet.
    """
    return {PROJECT_TAG: project, **({ORIGIN_TAG: origin} if origin else {}), **own}


def as_list(tags: Tags, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags in the form of the AWS APIs: a list of objects with the members `key` and `value`."""
    return [{key: name, value: text} for name, text in tags.items()]


def sdk_list(tags: Tags) -> list[dict[str, str]]:
    """Return tags in the form of the SageMaker SDK, which writes the names of the members in lower case."""
    return as_list(tags, "key", "value")
