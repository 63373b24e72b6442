"""Rows are split as scikit-learn splits them, and metrics are equal to scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.model_selection import train_test_split

from lgbm_sm.invocation.metrics import prediction_metrics
from lgbm_sm.preparation.schema import Split
from lgbm_sm.preparation.splits import split_rows


@pytest.mark.parametrize("rows", [3, 10, 101, 506])
@pytest.mark.parametrize("sizes", [(0.2, 0.25), (0.1, 0.3), (1 / 3, 0.5), (0.07, 0.07)])
@pytest.mark.parametrize("random_state", [0, 45, 2**32 - 1])
def test_splits_are_scikit_learns_when_there_are_no_classes(
    rows: int, sizes: tuple[float, float], random_state: int
) -> None:
    rest, test = train_test_split(list(range(rows)), test_size=sizes[0], random_state=random_state)
    train, validation = train_test_split(rest, test_size=sizes[1], random_state=random_state)
    dealt = split_rows(rows, test_size=sizes[0], validation_size=sizes[1], random_state=random_state)
    assert {split: positions.tolist() for split, positions in dealt.items()} == {
        Split.TRAIN: train,
        Split.VALIDATION: validation,
        Split.TEST: test,
    }


@pytest.mark.parametrize("random_state", [0, 45])
def test_splits_are_scikit_learns_when_they_are_stratified(random_state: int) -> None:
    codes = [row % 7 // 3 for row in range(203)]  # three classes of 87, 87 and 29 rows
    rest, test, rest_codes, _ = train_test_split(
        list(range(203)), codes, test_size=0.2, random_state=random_state, stratify=codes
    )
    train, validation = train_test_split(rest, test_size=0.25, random_state=random_state, stratify=rest_codes)
    dealt = split_rows(
        203,
        test_size=0.2,
        validation_size=0.25,
        random_state=random_state,
        codes=np.array(codes),
        classes=("a", "b", "c"),
    )
    assert {split: positions.tolist() for split, positions in dealt.items()} == {
        Split.TRAIN: train,
        Split.VALIDATION: validation,
        Split.TEST: test,
    }


def test_metrics_are_scikit_learns_when_numbers_are_predicted() -> None:
    random = np.random.default_rng(1)
    truth = random.normal(20, 9, 1000)
    values = truth + random.normal(0, 3, 1000)
    found = prediction_metrics({}, [[value] for value in values], [repr(float(label)) for label in truth])
    assert found == pytest.approx(
        {
            "rmse": metrics.root_mean_squared_error(truth, values),
            "mae": metrics.mean_absolute_error(truth, values),
            "r2": metrics.r2_score(truth, values),
        },
        rel=1e-12,
    )


def test_r2_is_left_out_when_all_labels_are_the_same() -> None:
    assert set(prediction_metrics({}, [[1.0], [2.0]], ["1", "1"])) == {"rmse", "mae"}
