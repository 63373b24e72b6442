"""Split the rows of a table into train, validation and test."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.schema import Categories, Split
from lgbm_sm.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Integers: TypeAlias = "NDArray[np.int64]"

_SHOWN_CLASSES = 5


def split_rows(
    rows: int,
    *,
    test_size: float,
    validation_size: float,
    random_state: int,
    codes: "Integers | None" = None,
    classes: Categories = (),
) -> dict[Split, Integers]:
    """Return the row positions of each split, in scikit-learn's order.

    `test_size` is a share of all rows. `validation_size` is a share of the remaining rows. If `codes` (the classes of
    the rows) are given, the split is stratified.

    Raises:
        DataError: a split would have no rows, or a class has too few rows to occur in each split.
    """
    import numpy as np

    tested = math.ceil(rows * test_size)
    validated = math.ceil((rows - tested) * validation_size)
    if rows - tested - validated < 1:
        raise DataError(
            f"too few rows ({rows}) for test_size={test_size} and validation_size={validation_size}: "
            f"{tested} for test, {validated} for validation, none for train",
            "use more rows, or smaller shares",
        )
    if codes is not None:
        _require_rows_of_each_class(codes, classes, min(tested, validated))
    rest, test = _deal(np.arange(rows), codes, test_size, random_state, classes)
    train, validation = _deal(rest, codes, validation_size, random_state, classes)
    if codes is not None:
        require_classes_in_train(codes[train], codes, classes)
    return {Split.TRAIN: train, Split.VALIDATION: validation, Split.TEST: test}


def require_classes_in_train(trained: Integers, codes: Integers, classes: Categories) -> None:
    """Check that every class occurs in the train split.

    Raises:
        DataError: a class does not occur in the train split.
    """
    if lacking := [code for code, count in enumerate(_class_rows(trained, classes)) if not count]:
        raise _too_few(_class_rows(codes, classes), classes, lacking, "the train split has no such rows")


def _deal(
    positions: Integers, codes: "Integers | None", size: float, random_state: int, classes: Categories
) -> tuple[Integers, Integers]:
    if codes is None:
        return _deal_evenly(positions, size, random_state)
    groups = codes[positions]
    if few := [code for code, count in enumerate(_class_rows(groups, classes)) if count == 1]:
        raise _too_few(_class_rows(codes, classes), classes, few, "a stratified split needs more")
    from sklearn.model_selection import train_test_split

    dealt: list[Any] = train_test_split(positions, test_size=size, random_state=random_state, stratify=groups)
    return dealt[0], dealt[1]


def _deal_evenly(positions: Integers, size: float, random_state: int) -> tuple[Integers, Integers]:
    """Split as `train_test_split` does without classes, because its import is slow.

    Source: scikit-learn's ShuffleSplit.
    """
    import numpy as np

    order = np.random.RandomState(random_state).permutation(len(positions))
    tested = math.ceil(len(positions) * size)
    return positions[order[tested:]], positions[order[:tested]]


def _class_rows(codes: Integers, classes: Categories) -> list[int]:
    """Return the number of rows of each class."""
    import numpy as np

    counts: list[int] = np.bincount(codes, minlength=len(classes)).tolist()
    return counts


def _require_rows_of_each_class(codes: Integers, classes: Categories, smallest_split: int) -> None:
    counts = _class_rows(codes, classes)
    few = [code for code, count in enumerate(counts) if count < len(Split) - 1]
    if few:
        raise _too_few(counts, classes, few, "each class needs one row for each of train, validation and test")
    if smallest_split < len(classes):
        raise DataError(
            f"the target has {len(classes)} classes in {len(codes)} rows: the smallest split would get "
            f"{counted(smallest_split, 'row')}, less than one for each class",
            "use more rows or larger shares; if the target is a number to predict, use regression: "
            "--set training.hyperparameters.objective=regression",
        )


def _too_few(counts: Sequence[int], classes: Categories, few: Sequence[int], why: str) -> DataError:
    listed = ", ".join(f"{classes[code]!r} has {counted(counts[code], 'row')}" for code in few[:_SHOWN_CLASSES])
    more = (
        f", and {counted(len(few) - _SHOWN_CLASSES, 'more class', 'more classes')}" if len(few) > _SHOWN_CLASSES else ""
    )
    return DataError(
        f"class {listed}{more}: {why}",
        "merge rare classes or remove their rows; if the target is a number to predict, use regression: "
        "--set training.hyperparameters.objective=regression",
    )
