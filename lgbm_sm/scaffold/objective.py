"""Which objective suits a target: a proposal, with its reason."""

from typing import NamedTuple

from lgbm_sm.preparation.columns import Column, Kind, texts_among_numbers

_MOST_CLASSES = 10  # of whole numbers: more of them rather count or measure something
_ROWS_OF_A_CLASS = 10


class ProposedObjective(NamedTuple):
    """One of LightGBM's objectives, and what speaks for it."""

    name: str
    why: str


def propose_objective(target: Column) -> ProposedObjective:
    """By the type of the target and the number of its distinct values.

    Whether the target can be learned at all is not judged here.
    """
    values = sorted(target.cells.drop_null().unique().to_pylist()) if target.kind in (Kind.TEXT, Kind.NUMBER) else []
    count, rows = len(values), len(target.cells)
    if target.kind is Kind.TEXT and not texts_among_numbers(values):
        return ProposedObjective(
            "binary" if count <= 2 else "multiclass",
            f"the target {target.name!r} is text with {count} different values",
        )
    if target.kind is not Kind.NUMBER:
        return ProposedObjective("regression", f"the target {target.name!r} holds numbers, or should")
    if count == 2:
        return ProposedObjective("binary", f"the target {target.name!r} is always {values[0]} or {values[1]}")
    whole = all(value == int(value) for value in values if abs(value) != float("inf"))
    if whole and 2 < count <= _MOST_CLASSES and rows >= count * _ROWS_OF_A_CLASS:
        return ProposedObjective(
            "multiclass",
            f"the target {target.name!r} has only {count} different values, whole numbers, in {rows} rows; where they "
            "count or grade something, regression suits better",
        )
    return ProposedObjective("regression", f"the target {target.name!r} has {count} different numbers in {rows} rows")
