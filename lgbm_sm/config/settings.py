"""What is read of a configuration before its values are looked at."""

from dataclasses import dataclass, field
from typing import NamedTuple

from lgbm_sm.config.problems import KeyPath, Origin, Problem

ENVIRONMENT_PREFIX = "LGBM_SM_"


class Setting(NamedTuple):
    """One key and its value. For a key that holds further keys the value is {} (it begins anew) or None (the default).

    `items` says where each element stands when the value is a list.
    """

    path: KeyPath
    value: object
    origin: Origin
    items: tuple[Origin, ...] = ()


@dataclass
class Reading:
    """What the readers found, in the order of rising precedence."""

    settings: list[Setting] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
