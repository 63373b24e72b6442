"""Split the rows of a table into train, validation and test."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.schema import Categories, Split
from lgbm_sm.wording import counted

_SHOWN_CLASSES = 5


def split_rows(
    rows: int,
    *,
    test_size: float,
    validation_size: float,
    random_state: int,
    codes: Sequence[int] | None = None,
    classes: Categories = (),
) -> dict[Split, list[int]]:
    """Return the row positions of each split, in scikit-learn's order.

    `test_size` is a share of all rows, `validation_size` of the remaining ones. If `codes` (the classes of the rows)
    are given, the split is stratified.

    Raises:
        DataError: a split would have no rows, or a class has too few rows to occur in each split.
    """
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
    everything = list(range(rows))
    rest, test = _deal(everything, codes, test_size, random_state, classes)
    train, validation = _deal(rest, codes, validation_size, random_state, classes)
    if codes is not None:
        require_classes_in_train([codes[row] for row in train], codes, classes)
    return {Split.TRAIN: train, Split.VALIDATION: validation, Split.TEST: test}


def require_classes_in_train(trained: Sequence[int], codes: Sequence[int], classes: Categories) -> None:
    """Check that every class can be learned.

    Raises:
        DataError: a class does not occur in the train split.
    """
    if lacking := sorted(set(range(len(classes))) - set(trained)):
        raise _too_few(Counter(codes), classes, lacking, "the train split has no such rows")


def _deal(
    positions: list[int], codes: Sequence[int] | None, size: float, random_state: int, classes: Categories
) -> tuple[list[int], list[int]]:
    if codes is None:
        return _deal_evenly(positions, size, random_state)
    groups = [codes[position] for position in positions]
    if few := [code for code, count in Counter(groups).items() if count < 2]:
        raise _too_few(Counter(codes), classes, few, "a stratified split needs more")
    from sklearn.model_selection import train_test_split

    dealt: list[Any] = train_test_split(positions, test_size=size, random_state=random_state, stratify=groups)
    return dealt[0], dealt[1]


def _deal_evenly(positions: list[int], size: float, random_state: int) -> tuple[list[int], list[int]]:
    """Split as `train_test_split` does without classes; importing it would take longest.

    Source: scikit-learn's ShuffleSplit.
    """
    import numpy as np

    order = np.random.RandomState(random_state).permutation(len(positions)).tolist()
    tested = math.ceil(len(positions) * size)
    return [positions[index] for index in order[tested:]], [positions[index] for index in order[:tested]]


def _require_rows_of_each_class(codes: Sequence[int], classes: Categories, smallest_split: int) -> None:
    counts = Counter(codes)
    few = [code for code in range(len(classes)) if counts[code] < len(Split) - 1]
    if few:
        raise _too_few(counts, classes, few, "each class needs one row for each of train, validation and test")
    if smallest_split < len(classes):
        raise DataError(
            f"the target has {len(classes)} classes in {len(codes)} rows: the smallest split would get "
            f"{counted(smallest_split, 'row')}, less than one for each class",
            "use more rows or larger shares; if the target is a number to predict, use regression: "
            "--set training.hyperparameters.objective=regression",
        )


def _too_few(counts: Counter[int], classes: Categories, few: Sequence[int], why: str) -> DataError:
    listed = ", ".join(f"{classes[code]!r} has {counted(counts[code], 'row')}" for code in few[:_SHOWN_CLASSES])
    more = (
        f", and {counted(len(few) - _SHOWN_CLASSES, 'more class', 'more classes')}" if len(few) > _SHOWN_CLASSES else ""
    )
    return DataError(
        f"class {listed}{more}: {why}",
        "merge rare classes or remove their rows; if the target is a number to predict, use regression: "
        "--set training.hyperparameters.objective=regression",
    )
