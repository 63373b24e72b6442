"""Propose an objective for a target."""

from typing import NamedTuple

from lgbm_sm.preparation.columns import Column, ColumnKind, some_values
from lgbm_sm.wording import counted

_MOST_CLASSES = 10  # if a target has more different whole numbers, they are probably counts or measurements
_ROWS_OF_A_CLASS = 10


class ProposedObjective(NamedTuple):
    """An objective of LightGBM, and the reason for it."""

    name: str
    why: str


def propose_objective(target: Column) -> ProposedObjective:
    """Propose an objective from the type of the target and the number of its values.

    Does not check whether the target can be learned at all.
    """
    values = (
        sorted(target.cells.drop_null().unique().to_pylist())
        if target.kind in (ColumnKind.TEXT, ColumnKind.NUMBER)
        else []
    )
    count, rows = len(values), len(target.cells)
    if target.kind is ColumnKind.TEXT and target.refusal is None:
        return ProposedObjective(
            "binary" if count <= 2 else "multiclass",
            f"the target {target.name!r} has {counted(count, 'class', 'classes')} ({some_values(values)})",
        )
    if target.kind is not ColumnKind.NUMBER:
        return ProposedObjective("regression", f"the target {target.name!r} should contain numbers")
    if count == 2:
        return ProposedObjective("binary", f"the target {target.name!r} is always {values[0]} or {values[1]}")
    whole = all(value == int(value) for value in values if abs(value) != float("inf"))
    if whole and 2 < count <= _MOST_CLASSES and rows >= count * _ROWS_OF_A_CLASS:
        return ProposedObjective(
            "multiclass",
            f"the target {target.name!r} has only {count} different whole numbers in {rows} rows; if they are counts "
            "or grades, use regression instead",
        )
    return ProposedObjective("regression", f"the target {target.name!r} has {count} different numbers in {rows} rows")
