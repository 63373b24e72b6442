"""The tags of everything that lgbm-sm creates in an account, all made here."""

from collections.abc import Mapping

from lgbm_sm.aws import PROJECT_TAG

Tags = Mapping[str, str]
"""Tag key to value."""


def resource_tags(project: str, own: Tags) -> dict[str, str]:
    """Return the tags of a resource of `project`: ours, then the user's own (`aws.tags`)."""
    return {PROJECT_TAG: project, **own}


def as_list(tags: Tags, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags as AWS's APIs take them; SageMaker's SDK names the members `key` and `value`."""
    return [{key: name, value: text} for name, text in tags.items()]


def sdk_list(tags: Tags) -> list[dict[str, str]]:
    """Return tags as SageMaker's SDK takes them."""
    return as_list(tags, "key", "value")
