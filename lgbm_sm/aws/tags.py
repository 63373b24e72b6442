"""The tags of everything that lgbm-sm creates in an account, all made here."""

from collections.abc import Callable, Mapping

from lgbm_sm.aws.account import PROJECT_TAG

ORIGIN_TAG = "lgbm-sm:origin"
Tags = Mapping[str, str]
"""Tag key to value."""
MakeTags = Callable[[], Tags]
"""Called when something is created: the id of the work folder is made with the first entry on record."""


def resource_tags(project: str, origin: str, own: Tags) -> dict[str, str]:
    """Return the tags of a resource of `project`: ours, then the user's own (`aws.tags`).

    `origin` is the id of the work folder that creates it, empty if it has none yet.
    """
    return {PROJECT_TAG: project, **({ORIGIN_TAG: origin} if origin else {}), **own}


def as_list(tags: Tags, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags as AWS's APIs take them; SageMaker's SDK names the members `key` and `value`."""
    return [{key: name, value: text} for name, text in tags.items()]


def sdk_list(tags: Tags) -> list[dict[str, str]]:
    """Return tags as SageMaker's SDK takes them."""
    return as_list(tags, "key", "value")
