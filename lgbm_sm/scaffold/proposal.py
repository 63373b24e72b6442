"""Propose settings for a new project from its table."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgbm_sm.preparation.column_roles import find_columns, find_target, is_unnamed
from lgbm_sm.preparation.columns import read_column
from lgbm_sm.preparation.problems import Problems
from lgbm_sm.preparation.sources import Source
from lgbm_sm.scaffold.columns import why_categorical, why_to_drop
from lgbm_sm.scaffold.objective import ProposedObjective, propose_objective


@dataclass(frozen=True)
class ProposedColumn:
    """A proposed column, by name or position, and the reason."""

    reference: str | int
    why: str


@dataclass(frozen=True)
class Proposal:
    """The proposed objective, and columns in addition to those that the user named."""

    objective: ProposedObjective
    drop: tuple[ProposedColumn, ...]
    categorical: tuple[ProposedColumn, ...]


def propose(
    source: Source, *, target: str | int | None, drop: Sequence[str | int] = (), categorical: Sequence[str | int] = ()
) -> Proposal:
    """Examine every column that is not in `drop` or `categorical`.

    Raises:
        DataError: there is no target, or a named column is not in the table.
    """
    names = source.columns.column_names
    target_position = find_target(names, source.target if target is None else target)
    problems = Problems(drop, categorical)
    dropped = find_columns(names, drop, "data.drop", problems)
    declared = find_columns(names, categorical, "data.categorical", problems)
    problems.raise_if_any()
    to_drop: list[ProposedColumn] = []
    to_keep: list[ProposedColumn] = []
    seen = {names[target_position]}
    for position, name in enumerate(names):
        if position in dropped or position == target_position:
            continue
        # columns without a unique name are referred to by position
        reference = position if is_unnamed(name) or names.count(name) > 1 else name
        column = read_column(name, source.columns.column(position))
        if is_unnamed(name):
            to_drop.append(ProposedColumn(reference, f"column {position} has no name, like a saved row index"))
        elif name in seen:
            to_drop.append(ProposedColumn(reference, f"column {position} has the same name {name!r} as another column"))
        elif why := why_to_drop(column, source.row_name, categorical=position in declared):
            to_drop.append(ProposedColumn(reference, why))
        elif position not in declared and (why := why_categorical(column)):
            to_keep.append(ProposedColumn(reference, why))
        seen.add(name)
    objective = propose_objective(read_column(names[target_position], source.columns.column(target_position)))
    return Proposal(objective, tuple(to_drop), tuple(to_keep))
