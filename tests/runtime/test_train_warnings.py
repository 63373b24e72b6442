"""`train` warns of a model that is probably not the one that the user wants, and records the warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lgbm_runtime.training.constant_columns import ConstantColumns
from tests.runtime.training_jobs import (
    PARAMS,
    TRAIN,
    TRAIN_CSV,
    VALID,
    VALID_CSV,
    Job,
    csv_text,
    direct_booster,
    make_job,
    numeric,
    regression_data,
    regression_job,
    schema_for,
    table,
    trees,
)

ONE_CLASS = Path(__file__).parent / "one_class"


def warnings_of(job: Job) -> list[str]:
    """Train, and return the warnings."""
    assert job.run_here() == 0
    recorded: list[str] = job.metadata["warnings"]
    return recorded


def one_class_job(root: Path, **hyperparameters: Any) -> Job:
    channels = {name: {"a.csv": (ONE_CLASS / f"{name}.csv").read_text()} for name in ("train", "validation")}
    return make_job(root, {"objective": "binary", "metric": "auc", "verbosity": -1, **hyperparameters}, channels)


def test_the_log_and_the_metadata_warn_when_the_last_iteration_is_the_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = regression_job(tmp_path, learning_rate=0.05, early_stopping_round=5)

    assert direct_booster({**PARAMS, "learning_rate": 0.05}, 20, TRAIN, VALID, early_stopping=5).best_iteration == 20
    [warning] = warnings_of(job)
    assert warning == (
        "best iteration 20 of 20: the last iteration is the best by validation l2, so more iterations can improve the "
        "model; train longer: lgbm-sm train --set training.hyperparameters.num_boost_round=1000"
    )
    assert f"warning: {warning}" in capsys.readouterr().out.splitlines()


def test_the_warning_proposes_early_stopping_too_when_it_is_off(tmp_path: Path) -> None:
    [warning] = warnings_of(regression_job(tmp_path, learning_rate=0.01, num_boost_round=120))

    assert warning.endswith(
        "lgbm-sm train --set training.hyperparameters.num_boost_round=1200 "
        "--set training.hyperparameters.early_stopping_round=50"
    )


def test_the_warning_has_the_users_own_names_of_the_parameters(tmp_path: Path) -> None:
    channels = {"train": {"a.csv": TRAIN_CSV}, "validation": {"b.csv": VALID_CSV}}
    params = {**PARAMS, "learning_rate": 0.05, "n_estimators": 20, "n_iter_no_change": 0}
    [warning] = warnings_of(make_job(tmp_path, params, channels))

    assert "--set training.hyperparameters.n_estimators=1000 " in warning
    assert warning.endswith(" --set training.hyperparameters.n_iter_no_change=50")


def test_there_is_no_warning_when_early_stopping_ends_the_training(tmp_path: Path) -> None:
    assert warnings_of(regression_job(tmp_path, num_boost_round=1000, early_stopping_round=20)) == []


def test_there_is_a_warning_when_early_stopping_could_not_decide(tmp_path: Path) -> None:
    params = {**PARAMS, "learning_rate": 0.3}
    best = direct_booster(params, 200, TRAIN, VALID, early_stopping=15).best_iteration
    rounds = best + 10

    assert direct_booster(params, rounds, TRAIN, VALID, early_stopping=15).best_iteration == best
    [warning] = warnings_of(
        regression_job(tmp_path, learning_rate=0.3, num_boost_round=rounds, early_stopping_round=15)
    )
    assert f"best iteration {best} of {rounds}: validation l2 has not yet stayed without improvement for 15" in warning


def test_there_is_no_warning_when_the_best_iteration_is_earlier_and_early_stopping_is_off(tmp_path: Path) -> None:
    assert warnings_of(regression_job(tmp_path, learning_rate=0.6, num_boost_round=100)) == []


def test_there_is_no_warning_when_lightgbm_finds_no_more_splits(tmp_path: Path) -> None:
    job = regression_job(tmp_path, num_boost_round=6, min_gain_to_split=1e9, early_stopping_round=50)

    assert warnings_of(job) == []


@pytest.mark.parametrize("metric", ["auc", "binary_logloss"])
def test_all_iterations_are_kept_when_the_validation_rows_have_one_class(tmp_path: Path, metric: str) -> None:
    job = one_class_job(tmp_path, metric=metric, num_boost_round=10, early_stopping_round=5)

    [warning] = warnings_of(job)
    assert "the target is 0 in each row of the validation channel" in warning
    assert "early stopping is off; raise data.validation_size" in warning
    train, test = (pd.read_csv(ONE_CLASS / f"{name}.csv") for name in ("train", "test"))
    params = {"objective": "binary", "verbosity": -1}
    expected = lightgbm.train(params, lightgbm.Dataset(train[["a", "b"]], train["y"]), num_boost_round=10)
    assert trees(job.booster) == trees(expected)
    assert roc_auc_score(test["y"], job.booster.predict(test[["a", "b"]])) == pytest.approx(0.77, abs=0.005)


def test_the_model_is_trained_on_all_iterations_when_the_validation_target_is_constant(tmp_path: Path) -> None:
    validation = csv_text(table(VALID[0], np.full(len(VALID[1]), 2.5)))
    channels = {"train": {"a.csv": TRAIN_CSV}, "validation": {"b.csv": validation}}
    job = make_job(tmp_path, {**PARAMS, "num_boost_round": 30, "early_stopping_round": 2}, channels)

    [warning] = warnings_of(job)
    assert warning.startswith("the target is 2.5 in each row of the validation channel: its metrics cannot show")
    assert trees(job.booster) == trees(direct_booster(PARAMS, 30, TRAIN))


def test_features_are_named_when_they_do_not_change_in_training(tmp_path: Path) -> None:
    X, y = TRAIN[0].copy(), TRAIN[1]
    X[:, 1], X[:, 3], X[:5, 4] = np.nan, 7.5, np.nan
    text = csv_text(table(X, y), ["a", "b", "c", "d", "e", "y"])
    job = make_job(tmp_path, {**PARAMS, "num_boost_round": 3}, {"train": {"a.csv": text}})

    [warning] = warnings_of(job)
    assert warning == (
        "the model cannot use these features, because they do not change in the train channel: b (always missing), "
        "d (always 7.5); add them to data.drop and run prepare-data again"
    )


def test_only_the_columns_with_one_value_are_left_when_rows_come_in_chunks() -> None:
    rows = np.array([[1, np.nan, 3, np.nan, 5], [1, np.nan, 3, np.nan, 5], [1, np.nan, 4, 2, np.nan]], dtype=float)
    columns = ConstantColumns()
    columns.add(rows[:0])
    columns.add(rows[:2])
    columns.add(rows[2:])

    assert list(columns.found) == [0, 1]
    assert columns.found[0] == 1
    assert np.isnan(columns.found[1])


def multiclass_job(root: Path, train_codes: set[int], validation_codes: set[int], **hyperparameters: Any) -> Job:
    """Return a job for the classes low, mid and high. Each channel has rows of some of them."""
    X, noise = regression_data(240, seed=5, width=3)
    codes = np.digitize(X[:, 0] + noise / 9, [-0.5, 0.5])
    classes = ["low", "mid", "high"]

    def text(rows: slice, kept: set[int]) -> str:
        labelled = zip(X[rows].tolist(), codes[rows].tolist(), strict=True)
        return csv_text([[*row, classes[code]] for row, code in labelled if code in kept])

    texts = {"train": text(slice(160), train_codes), "validation": text(slice(160, None), validation_codes)}
    schema = schema_for(numeric("a", "b", "c"), classes, {name: ("a.csv", one) for name, one in texts.items()})
    params = {"objective": "multiclass", "num_leaves": 7, "verbosity": -1, **hyperparameters}
    return make_job(root, params, {name: {"a.csv": one} for name, one in texts.items()}, schema)


def test_the_missing_classes_are_named_when_a_channel_has_no_rows_of_them(tmp_path: Path) -> None:
    in_validation = warnings_of(multiclass_job(tmp_path / "one", {0, 1, 2}, {1, 2}, num_boost_round=2))
    in_train = warnings_of(multiclass_job(tmp_path / "two", {0, 1}, {0, 1, 2}, num_boost_round=2))

    assert any("validation channel has no rows of these classes" in warning for warning in in_validation)
    assert any("do not cover them: 'low'; raise data.validation_size" in warning for warning in in_validation)
    assert any("the model never predicts them: 'high'; " in warning for warning in in_train)


def test_early_stopping_is_off_with_a_warning_when_the_metric_is_not_a_number(tmp_path: Path) -> None:
    params = {"metric": "auc_mu", "num_boost_round": 12, "early_stopping_round": 3}
    job = multiclass_job(tmp_path, {0, 1, 2}, {1, 2}, **params)

    warnings = warnings_of(job)
    assert any("early stopping is off: auc_mu is not a number" in warning for warning in warnings)
    assert job.metadata["best_iteration"] == job.booster.current_iteration() == 12


def test_the_train_target_is_named_when_it_is_constant(tmp_path: Path) -> None:
    channels = {"train": {"a.csv": csv_text(table(TRAIN[0], np.full(len(TRAIN[1]), 4.0)))}}
    warnings = warnings_of(make_job(tmp_path, {**PARAMS, "num_boost_round": 3}, channels))

    assert warnings == ["the target is 4 in each row of the train channel: check data.target and the table"]


def test_the_reason_is_recorded_when_early_stopping_cannot_be_used(tmp_path: Path) -> None:
    channels = {"train": {"a.csv": TRAIN_CSV}, "validation": {"b.csv": VALID_CSV}}
    params = {**PARAMS, "num_boost_round": 3, "early_stopping_round": 2}
    without = make_job(tmp_path / "one", params, {"train": channels["train"]})
    dart = make_job(tmp_path / "two", {**params, "boosting_type": "dart"}, channels)

    assert warnings_of(without)[0].startswith("early stopping is off: there is no validation channel; add the channel")
    assert warnings_of(dart)[0].startswith("early stopping is off: boosting=dart changes earlier trees; set boosting")
