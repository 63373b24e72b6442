"""The problems of a configuration that do not matter to a command which needs only some of the keys."""

from collections.abc import Sequence

from lgbm_sm.config.problems import KeyPath, Problem
from lgbm_sm.errors import ConfigError

# what status, stop and cleanup need to find the project's resources
RESOURCE_KEYS: tuple[KeyPath, ...] = (
    ("project", "name"),
    ("endpoint", "name"),
    ("aws", "region"),
    ("aws", "bucket"),
    ("aws", "prefix"),
)
_COMMAND_LINE = 2  # in the order of a problem; see Origin
# they decide whether the account is searched for resources that are not on record
_INSTANCE_TYPES = (("training", "instance_type"), ("endpoint", "instance_type"))


def refusal(problems: Sequence[Problem]) -> ConfigError:
    """Return the error that lists all problems, in the order of their origins."""
    return ConfigError("\n".join(problem.message for problem in sorted(set(problems))))


def require_tolerable(problems: Sequence[Problem], needed: Sequence[KeyPath]) -> None:
    """Raise the error of the problems that concern a needed key, or that the command line itself has.

    Raises:
        ConfigError: names these problems.
    """
    if fatal := [problem for problem in problems if problem.order[0] == _COMMAND_LINE or _concerns(problem, needed)]:
        raise refusal(fatal)


def ignored(problems: Sequence[Problem]) -> list[str]:
    """Return a warning for each problem, in the order of their origins."""
    return [f"{problem.message}; {_consequence(problem)}" for problem in sorted(set(problems))]


def _consequence(problem: Problem) -> str:
    if _concerns(problem, _INSTANCE_TYPES):
        return "this command ignores it, and looks in AWS only if --aws is given or resources there are on record"
    return "this command ignores it"


def _concerns(problem: Problem, needed: Sequence[KeyPath]) -> bool:
    return any(
        path[: len(key)] == key[: len(path)]  # the key, one below it, or a section that contains it
        for path in problem.keys
        for key in needed
    )
