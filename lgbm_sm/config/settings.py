"""The settings of a configuration as they were read, before their values are checked."""

from dataclasses import dataclass, field
from typing import NamedTuple

from lgbm_sm.config.problems import KeyPath, Origin, Problem

ENVIRONMENT_PREFIX = "LGBM_SM_"
OVERRIDE_SOURCE = "--set"


class Setting(NamedTuple):
    """One key and its value.

    If a key has further keys below it, its value is {} (start empty) or None (the default).
    `items` are the origins of the elements if the value is a list.
    """

    path: KeyPath
    value: object
    origin: Origin
    items: tuple[Origin, ...] = ()


@dataclass
class Reading:
    """The settings and problems that the readers found, lowest precedence first."""

    settings: list[Setting] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
