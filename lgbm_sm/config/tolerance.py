"""Decide which problems a command can ignore if it needs only some of the keys."""

from collections.abc import Sequence

from lgbm_sm.config.problems import KeyPath, Problem
from lgbm_sm.errors import ConfigError

# status, stop and cleanup need these keys to find the project's resources
RESOURCE_KEYS: tuple[KeyPath, ...] = (
    ("project", "name"),
    ("endpoint", "name"),
    ("aws", "region"),
    ("aws", "bucket"),
    ("aws", "prefix"),
)
_COMMAND_LINE = 2  # the first number of `Origin.order` for --set
# these keys decide whether AWS is searched for resources that are not on record
_INSTANCE_TYPES = (("training", "instance_type"), ("endpoint", "instance_type"))


def refusal(problems: Sequence[Problem]) -> ConfigError:
    """Return the error that lists all problems, in the order of their origins."""
    return ConfigError("\n".join(problem.message for problem in sorted(set(problems))))


def require_tolerable(problems: Sequence[Problem], needed: Sequence[KeyPath]) -> None:
    """Raise an error if a problem concerns a needed key, or comes from `--set`.

    Raises:
        ConfigError: there are such problems. The message has all of them.
    """
    if fatal := [problem for problem in problems if problem.order[0] == _COMMAND_LINE or _concerns(problem, needed)]:
        raise refusal(fatal)


def ignored(problems: Sequence[Problem]) -> list[str]:
    """Return a warning for each problem, in the order of their origins."""
    return [f"{problem.message}; {_consequence(problem)}" for problem in sorted(set(problems))]


def _consequence(problem: Problem) -> str:
    if _concerns(problem, _INSTANCE_TYPES):
        return "this command ignores it, and looks in AWS only with --aws or if the record contains AWS resources"
    return "this command ignores it"


def _concerns(problem: Problem, needed: Sequence[KeyPath]) -> bool:
    return any(
        path[: len(key)] == key[: len(path)]  # the path is the key, a key below it, or a section that contains it
        for path in problem.keys
        for key in needed
    )
