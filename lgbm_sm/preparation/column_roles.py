"""Choose the target, the features, and the columns that are left out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lgbm_sm.preparation.problems import Problems
from lgbm_sm.wording import shortened_list, similar

if TYPE_CHECKING:
    from lgbm_sm.config.sections import DataSection

_SHOWN_NAMES = 30
_UNNAMED = re.compile(r"\s*|Unnamed: \d+")  # pandas' name of a nameless column


@dataclass(frozen=True)
class ColumnRoles:
    """The positions of the target, of the features in order, and of the categorical features."""

    target: int
    features: tuple[int, ...]
    categorical: frozenset[int]


def choose_roles(names: Sequence[str], section: "DataSection", *, target: str | int | None) -> ColumnRoles:
    """Convert names and positions of columns to positions, and choose the features.

    Positions start at 0; negative positions count from the end. `target` is the configured target, or the default
    target of a built-in data set.

    Raises:
        DataError: a name or a position is not in the table, no target is set, roles contradict each other, or the
            remaining columns do not have unique names. The message lists every problem.
    """
    problems = Problems(section)
    dropped = find_columns(names, section.drop, "data.drop", problems)
    declared = find_columns(names, section.categorical, "data.categorical", problems)
    found = _find_target(names, target, problems)
    problems.raise_if_any()
    position = found.pop()
    for other, key in ((dropped, "data.drop"), (declared, "data.categorical")):
        if position in other:
            problems.add(f"{key} includes {names[position]!r}, which is the target", f"remove it from {key}")
    if both := dropped & declared:
        listed = ", ".join(repr(names[one]) for one in sorted(both))
        problems.add(f"data.drop and data.categorical both include {listed}", "remove it from one of them")
    features = tuple(one for one in range(len(names)) if one not in dropped and one != position)
    if not features:
        problems.add("no column is left to learn from", "drop fewer columns")
    _check_names(names, (*features, position), problems)
    problems.raise_if_any()
    return ColumnRoles(position, features, frozenset(declared))


def find_target(names: Sequence[str], target: str | int | None) -> int:
    """Return the position of the target.

    Raises:
        DataError: no target is set, or the target is not in the table.
    """
    problems = Problems()
    found = _find_target(names, target, problems)
    problems.raise_if_any()
    return found.pop()


def _find_target(names: Sequence[str], target: str | int | None, problems: Problems) -> set[int]:
    if target is not None:
        return find_columns(names, (target,), "data.target", problems)
    columns = shortened_list(names, _SHOWN_NAMES)
    problems.add(f"no target column is set; the columns are {columns}", "set it: --set data.target=<column>")
    return set()


def find_columns(names: Sequence[str], references: Sequence[str | int], key: str, problems: Problems) -> set[int]:
    """Return the positions of the columns that `key` lists. Add unknown columns to `problems`."""
    found: set[int] = set()
    for reference in references:
        if isinstance(reference, str):
            matches = [position for position, name in enumerate(names) if name == reference]
            if not matches:
                problems.add(_unknown(names, reference, key), f"the columns are {shortened_list(names, _SHOWN_NAMES)}")
            if len(matches) > 1:
                problems.add(
                    f"{key}: {len(matches)} columns are named {reference!r}", "use its position instead, from 0"
                )
            found.update(matches)
        elif -len(names) <= reference < len(names):
            found.add(reference % len(names))
        else:
            problems.add(
                f"{key}: column {reference} does not exist: the table has {len(names)} columns",
                "positions count from 0; -1 is the last",
            )
    return found


def _unknown(names: Sequence[str], reference: str, key: str) -> str:
    by_folded = {name.strip().casefold(): name for name in names}
    folded = similar(reference.strip().casefold(), by_folded)
    near = f" (did you mean {by_folded[folded[0]]!r}?)" if folded else ""
    return f"{key}: {reference!r} is not a column of the table{near}"


def is_unnamed(name: str) -> bool:
    """Return whether the column has no name of its own."""
    return _UNNAMED.fullmatch(name) is not None


def _check_names(names: Sequence[str], positions: Sequence[int], problems: Problems) -> None:
    by_name: dict[str, list[int]] = {}
    for position in sorted(positions):
        by_name.setdefault(names[position], []).append(position)
    for name, same in by_name.items():
        if is_unnamed(name):
            problems.add(
                f"column {same[0]} has no name: it may be a row index that was saved with the table",
                "give it a name if it is a feature",
                drop=same[0],
            )
        elif len(same) > 1:
            listed = ", ".join(map(str, same))
            problems.add(
                f"columns {listed} have the same name {name!r}",
                "give each column its own name",
                drop=same[-1],
            )
