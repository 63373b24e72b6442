"""The log and the metrics of each iteration, and names and reasons in messages."""

from __future__ import annotations

import math
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from lgbm_runtime.training.boosting import booster_names
from lgbm_runtime.training.evaluation import History
from lgbm_runtime.training.failure import TrainingError, report_failure


def test_a_line_holds_every_metric_exactly_when_an_iteration_is_added() -> None:
    history = History(20)

    assert history.add([]) == "iteration=1 of 20"
    line = history.add([("train", "ndcg@5", 0.1 + 0.2, True), ("validation", "rmse", 1e-7, False)])
    assert line == "iteration=2 of 20 train:ndcg_5=0.30000000000000004 validation:rmse=1e-07"


@pytest.mark.parametrize(
    ("values", "higher_is_better", "min_delta", "best"),
    [
        ([3.0, 2.0, 2.0, 2.5], False, 0.0, 2),
        ([3.0, 2.0, 1.8, 2.5], False, 0.5, 2),
        ([0.5, 0.7, 0.6], True, 0.0, 2),
        ([math.nan, 0.7], True, 0.0, 1),
    ],
)
def test_the_best_iteration_is_early_stoppings_when_the_first_validation_metric_decides(
    values: list[float], higher_is_better: bool, min_delta: float, best: int
) -> None:
    history = History(4)
    for value in values:
        channels = {("train", "m"): -value, ("validation", "m"): value, ("validation", "other"): -value}
        history.add([(channel, name, number, higher_is_better) for (channel, name), number in channels.items()])

    assert history.best_iteration(min_delta) == best


def test_a_metric_is_null_when_it_is_no_finite_number() -> None:
    history = History(4)
    history.add([("train", "auc", math.nan, True)])

    assert history.as_json() == {"train": {"auc": [None]}}
    assert history.at(1) == {"train": {"auc": None}}


def test_lightgbm_takes_the_names_when_columns_have_names_that_it_refuses() -> None:
    names = ["plain", "with blank", "with_blank", 'a"b', "a:b", "a{b}", "grün", "x,y"]
    safe = booster_names(names)

    assert safe[0] == "plain"
    assert safe[2] == "with_blank"
    assert len(set(safe)) == len(names)
    data = lightgbm.Dataset(np.zeros((5, len(names))), label=np.zeros(5), feature_name=safe, params={"verbosity": -1})
    assert data.construct().get_feature_name() == safe


def test_the_reason_is_one_line_of_1024_characters_when_it_is_longer(tmp_path: Path) -> None:
    report_failure(TrainingError("first\nsecond " + "x" * 3000), tmp_path / "output" / "failure")
    reason, *rest = (tmp_path / "output" / "failure").read_text().split("\n")

    assert reason.startswith("first second xxx")
    assert reason.endswith("...")
    assert len(reason) == 1024
    assert rest == [""]
