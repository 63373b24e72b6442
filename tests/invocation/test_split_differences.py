"""`predict` warns if the test rows differ from the validation rows by more than chance."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from sklearn import metrics

from lgbm_sm.invocation.split_differences import split_warnings


def metadata(classes: list[str] | None, rows: int, **validation: float) -> dict[str, Any]:
    return {
        "schema": {"target": {"classes": classes}, "splits": {"validation": {"rows": rows}}},
        "metrics": {"validation": validation},
    }


def regression_warnings(test_error: float, validation_rmse: float, rows: int = 400, **others: float) -> list[str]:
    """Return the warnings for test rows whose errors have the root mean square `test_error`."""
    random = np.random.default_rng(3)
    errors = random.normal(size=rows)
    errors *= test_error / math.sqrt(np.mean(errors**2))
    labels = random.normal(size=rows)
    given = metadata(None, rows, l2=validation_rmse**2, **others)
    predictions = [[value] for value in (labels + errors).tolist()]
    return split_warnings(given, predictions, list(map(repr, labels.tolist())), given_splits=False)


def test_the_metrics_and_the_distance_are_shown_when_the_splits_differ_by_more_than_chance() -> None:
    # the standard deviation of the squares of normal errors is sqrt(2) times their mean 9: the difference of 8 is about
    # 8.9 times the standard error; this sample has a few larger errors
    [warning] = regression_warnings(3.0, 1.0)

    assert warning.startswith("test l2 9 is far from validation l2 1: the difference is 8 standard errors")
    assert warning.endswith("to compare with another split: lgbm-sm run --set data.random_state=1")


@pytest.mark.parametrize(("test_error", "rows"), [(1.1, 400), (0.93, 400), (1.4, 40), (1.02, 40_000), (3.0, 19)])
def test_there_is_no_warning_when_chance_or_a_tenth_explains_the_difference(test_error: float, rows: int) -> None:
    assert regression_warnings(test_error, 1.0, rows) == []


def test_equal_splits_are_rarely_reported_when_many_pairs_are_drawn() -> None:
    random = np.random.default_rng(1)
    reported = 0
    for _ in range(300):
        validation, test = random.exponential(size=(2, 100)) - 1
        given = metadata(None, 100, l2=float(np.mean(validation**2)))
        labels = random.normal(size=100)
        predictions = [[value] for value in (labels + test).tolist()]
        reported += bool(split_warnings(given, predictions, list(map(repr, labels.tolist())), given_splits=False))

    assert reported <= 3


def test_the_advice_is_about_the_tables_when_the_user_has_split_them() -> None:
    labels = [repr(value) for value in np.linspace(0, 1, 50).tolist()]
    predictions = [[float(label) + (-1) ** index * 2 + index / 99] for index, label in enumerate(labels)]
    [warning] = split_warnings(metadata(None, 50, rmse=0.1), predictions, labels, given_splits=True)

    assert warning.startswith("test rmse 2.")
    assert warning.endswith("or let lgbm-sm split one table: set data.file")


def binary_rows(separation: float, rows: int = 300) -> tuple[list[list[float]], list[str]]:
    random = np.random.default_rng(5)
    codes = random.integers(0, 2, rows)
    scores = norm.cdf(random.normal(size=rows) + separation * (codes - 0.5))
    return [[score] for score in scores.tolist()], [["no", "yes"][code] for code in codes]


def test_an_auc_is_compared_when_it_is_the_only_metric() -> None:
    predictions, labels = binary_rows(1.0)
    area = metrics.roc_auc_score(np.array(labels) == "yes", np.array(predictions)[:, 0])
    near, far = (
        split_warnings(metadata(["no", "yes"], 300, auc=area + distance), predictions, labels, given_splits=False)
        for distance in (0.06, 0.2)
    )

    assert near == []
    assert far[0].startswith(f"test auc {area:.6g} is far from validation auc {area + 0.2:.6g}")


@pytest.mark.parametrize("metric", ["binary_logloss", "binary_error"])
def test_a_loss_of_two_classes_is_that_of_scikit_learn_when_it_is_compared(metric: str) -> None:
    predictions, labels = binary_rows(1.0)
    truth, scores = np.array(labels) == "yes", np.array(predictions)[:, 0]
    expected = metrics.log_loss(truth, scores) if metric == "binary_logloss" else np.mean((scores > 0.5) != truth)
    [warning] = split_warnings(metadata(["no", "yes"], 300, **{metric: 0.01}), predictions, labels, given_splits=False)

    assert warning.startswith(f"test {metric} {expected:.6g} is far from validation {metric} 0.01")


@pytest.mark.parametrize("metric", ["multi_logloss", "multi_error"])
def test_a_loss_of_three_classes_is_that_of_scikit_learn_when_it_is_compared(metric: str) -> None:
    random = np.random.default_rng(2)
    classes = ["a", "b", "c"]
    codes = random.integers(0, 3, 300)
    probabilities = random.dirichlet([1, 1, 1], 300)
    if metric == "multi_logloss":
        expected = metrics.log_loss(codes, probabilities)
    else:
        expected = 1 - metrics.accuracy_score(codes, probabilities.argmax(axis=1))
    given = metadata(classes, 300, **{metric: 0.01})
    [warning] = split_warnings(given, probabilities.tolist(), [classes[code] for code in codes], given_splits=False)

    assert warning.startswith(f"test {metric} {expected:.6g} is far from validation {metric} 0.01")


def test_the_classes_without_test_rows_are_named() -> None:
    given = metadata(["a", "b", "c"], 100, multi_logloss=0.5)
    [warning] = split_warnings(given, [[0.6, 0.3, 0.1]] * 10, ["a", "b"] * 5, given_splits=False)

    assert warning.startswith("no test row has one of these classes, so the test metrics do not cover them: c; raise")


def test_there_is_no_warning_when_another_program_has_written_the_model() -> None:
    assert split_warnings({}, [[1.0]], ["5"], given_splits=False) == []
