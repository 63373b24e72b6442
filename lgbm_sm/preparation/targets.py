"""Check that the target suits the objective, and find its classes.

The names, aliases and domains come from LightGBM's documentation of `objective` (docs/Parameters.rst).
"""

from enum import StrEnum
from typing import TYPE_CHECKING

from lgbm_sm.preparation.columns import (
    AS_MISSING_TARGET,
    AS_ORDINAL,
    Column,
    ColumnKind,
    RowName,
    positions_where,
    refuse,
    refuse_infinite,
    some_rows,
    text_categories,
)
from lgbm_sm.preparation.problems import Problems
from lgbm_sm.preparation.schema import Categories
from lgbm_sm.wording import counted, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_SHOWN_CLASSES = 10


class _Family(StrEnum):
    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"
    PROBABILITY = "probability"
    RANKING = "ranking"
    CUSTOM = "custom"


_OBJECTIVES: dict[_Family, dict[str, tuple[str, ...]]] = {
    _Family.REGRESSION: {
        "regression": (
            "regression_l2",
            "l2",
            "mean_squared_error",
            "mse",
            "l2_root",
            "root_mean_squared_error",
            "rmse",
        ),
        "regression_l1": ("l1", "mean_absolute_error", "mae"),
        "huber": (),
        "fair": (),
        "poisson": (),
        "quantile": (),
        "mape": ("mean_absolute_percentage_error",),
        "gamma": (),
        "tweedie": (),
    },
    _Family.BINARY: {"binary": ()},
    _Family.MULTICLASS: {"multiclass": ("softmax",), "multiclassova": ("multiclass_ova", "ova", "ovr")},
    _Family.PROBABILITY: {"cross_entropy": ("xentropy",), "cross_entropy_lambda": ("xentlambda",)},
    _Family.RANKING: {"lambdarank": (), "rank_xendcg": ("xendcg", "xe_ndcg", "xe_ndcg_mart", "xendcg_mart")},
    _Family.CUSTOM: {"custom": ("none", "null", "na")},
}
_KNOWN: dict[str, tuple[_Family, str]] = {
    name: (family, objective)
    for family, objectives in _OBJECTIVES.items()
    for objective, aliases in objectives.items()
    for name in (objective, *aliases)
}
_LEARNED = [
    objective
    for family in (_Family.REGRESSION, _Family.BINARY, _Family.MULTICLASS, _Family.PROBABILITY)
    for objective in _OBJECTIVES[family]
]


def describe_target(
    column: Column,
    objective: str,
    problems: Problems,
    row_name: RowName,
    *,
    classes: Categories | None = None,
) -> Categories | None:
    """Return the target's classes under an objective, or None if it is predicted as a number.

    `classes` is set if the data set has its own order of classes. Otherwise the classes are sorted. If the target does
    not suit the objective, a problem with a better objective is added to `problems`.
    """
    found = _KNOWN.get(objective)
    if found is None:
        accepted = [name for name, (_, own) in _KNOWN.items() if own in _LEARNED]
        problems.add(
            f"objective={objective} is not a LightGBM objective{did_you_mean(objective, accepted)}",
            f"use one of {', '.join(_LEARNED)}",
        )
        return None
    family, canonical = found
    if family is _Family.RANKING:
        problems.add(f"objective={objective} needs query groups, which are not supported", use("regression"))
    if family is _Family.CUSTOM:
        problems.add(f"objective={objective} needs a custom function, which is not supported", use("regression"))
    if not _is_usable(column, problems, row_name):
        return None
    if column.refusal is not None and family not in (_Family.BINARY, _Family.MULTICLASS):
        refuse(column, f"the target {column.name!r}", problems, row_name, is_target=True)
        return None
    if column.kind is ColumnKind.TEXT:
        return _text_classes(column, objective, family, problems, classes)
    if family in (_Family.BINARY, _Family.MULTICLASS):
        return _number_classes(column, objective, family, problems)
    _check_domain(column, canonical, family, objective, problems)
    return None


def predicted_as(objective: str) -> str:
    """Return how an objective predicts the target: as "classes" or as a "number"."""
    family, _ = _KNOWN.get(objective, (_Family.REGRESSION, ""))
    return "classes" if family in (_Family.BINARY, _Family.MULTICLASS) else "number"


def use(objective: str) -> str:
    """Return the hint to use another objective."""
    return f"use objective {objective}: --set training.hyperparameters.objective={objective}"


def class_codes(cells: "pa.ChunkedArray", classes: Categories) -> "NDArray[np.int64]":
    """Return the position of each cell among the classes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.add(cells, 0.0) if pa.types.is_floating(cells.type) else cells  # -0.0 becomes 0.0
    codes: NDArray[np.int64] = pc.index_in(values, pa.array(classes, cells.type)).cast(pa.int64()).to_numpy()
    return codes


def class_counts(codes: "NDArray[np.int64]", classes: Categories) -> str:
    """Return a line that lists the classes with their codes and their numbers of rows."""
    import numpy as np

    counts = np.bincount(codes, minlength=len(classes)).tolist()
    shown = ", ".join(
        f"{value} = {code} ({counted(counts[code], 'row')})" for code, value in enumerate(classes[:_SHOWN_CLASSES])
    )
    return shown + (f", … ({len(classes)} in total)" if len(classes) > _SHOWN_CLASSES else "")


def _is_usable(column: Column, problems: Problems, row_name: RowName) -> bool:
    name = column.name
    if column.kind in (ColumnKind.EMPTY, ColumnKind.OTHER, ColumnKind.DATE):
        problems.add(
            f"the target {name!r} contains {column.kind}",
            "use another column: --set data.target=<column>",
            settings={AS_ORDINAL: (name, "ordinal")} if column.kind is ColumnKind.DATE else {},
        )
        return False
    if column.cells.null_count:
        import pyarrow.compute as pc

        rows = positions_where(pc.is_null(column.cells))
        which = some_rows(rows, row_name)
        problems.add(
            f"the target {name!r} is missing in {len(rows):,} of {len(column.cells):,} rows: {which}",
            "leave out these rows: --set data.drop_missing_target=true",
        )
        return False
    return column.kind is not ColumnKind.NUMBER or not refuse_infinite(column, problems, row_name)


def _text_classes(
    column: Column, objective: str, family: _Family, problems: Problems, classes: Categories | None
) -> Categories | None:
    texts = text_categories(column, problems, categorical=True)
    if not texts:
        return None
    if family in (_Family.BINARY, _Family.MULTICLASS):
        return _count_classes(column, objective, family, classes or texts, problems)
    if family in (_Family.REGRESSION, _Family.PROBABILITY):
        _add_classification(column, f"objective={objective} predicts numbers", texts, problems)
    return None


def _number_classes(column: Column, objective: str, family: _Family, problems: Problems) -> Categories | None:
    # -0.0 + 0 is 0.0: both zeros are one class
    found: tuple[int | float, ...] = tuple(sorted({value + 0 for value in column.cells.unique().to_pylist()}))
    whole = all(value == int(value) for value in found)
    if not whole and (family is _Family.MULTICLASS or len(found) != 2):
        problems.add(
            f"the target {column.name!r} is continuous ({len(found)} different numbers, {found[0]} to {found[-1]}), "
            f"but objective={objective} predicts classes",
            use("regression"),
        )
        return None
    return _count_classes(column, objective, family, found, problems)


def _count_classes(
    column: Column, objective: str, family: _Family, found: Categories, problems: Problems
) -> Categories | None:
    if len(found) == 1:
        problems.add(
            f"the target {column.name!r} is {found[0]!r} in every row: there is nothing to learn",
            "use another column: --set data.target=<column>",
        )
        return None
    if family is _Family.BINARY and len(found) > 2:
        _add_classification(column, f"objective={objective} predicts 2 classes", found, problems)
        return None
    return found


def _add_classification(column: Column, why: str, found: Categories, problems: Problems) -> None:
    values = ", ".join(f"{value!r:.40}" for value in found[:_SHOWN_CLASSES]) + (
        ", …" if len(found) > _SHOWN_CLASSES else ""
    )
    tokens = tuple(text for note in column.notes if note.key == "missing" for text in note.value)
    problems.add(
        f"the target {column.name!r} has {len(found)} different values ({values}), but {why}",
        use("binary" if len(found) <= 2 else "multiclass"),
        number=column.name if any(note.key == "numeric" for note in column.notes) else None,
        settings={AS_MISSING_TARGET: (column.name, tokens)} if tokens else {},
    )


def _check_domain(column: Column, canonical: str, family: _Family, objective: str, problems: Problems) -> None:
    import pyarrow.compute as pc

    extremes = pc.min_max(column.cells).as_py()
    low, high = extremes["min"], extremes["max"]
    where = f"the target {column.name!r} ranges from {low} to {high}, but objective={objective} needs"
    if family is _Family.PROBABILITY and (low < 0 or high > 1):
        problems.add(f"{where} probabilities from 0 to 1", use("regression"))
    elif canonical == "gamma" and low <= 0:
        problems.add(f"{where} numbers above 0", use("tweedie" if low == 0 else "regression"))
    elif canonical in ("poisson", "tweedie") and (low < 0 or high == 0):
        problems.add(f"{where} numbers of at least 0, not all of them 0", use("regression"))
