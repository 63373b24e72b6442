"""The settings of a configuration as they were read, before their values are checked."""

from dataclasses import dataclass, field
from typing import NamedTuple

from lgbm_sm.config.problems import KeyPath, Origin, Problem

ENVIRONMENT_PREFIX = "LGBM_SM_"


class Setting(NamedTuple):
    """One key and its value.

    For a key that holds further keys the value is {} (start empty) or None (the default).
    `items` are the origins of the elements if the value is a list.
    """

    path: KeyPath
    value: object
    origin: Origin
    items: tuple[Origin, ...] = ()


@dataclass
class Reading:
    """Everything that the readers found, in the order of rising precedence."""

    settings: list[Setting] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
