"""The settings of a configuration before their values are checked."""

from dataclasses import dataclass, field
from typing import NamedTuple

from lgbm_sm.config.problems import KeyPath, Origin, Problem

ENVIRONMENT_PREFIX = "LGBM_SM_"
OVERRIDE_SOURCE = "--set"


class Setting(NamedTuple):
    """One key and its value.

    For a key with more keys below it, the value is {} to start with no keys, or None to start with the defaults.
    If the value is a list, `items` has the origin of each element.
    """

    path: KeyPath
    value: object
    origin: Origin
    items: tuple[Origin, ...] = ()


@dataclass
class Reading:
    """The settings and the problems that the readers have found.

    A later setting overrides an earlier setting of the same key.
    """

    settings: list[Setting] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
