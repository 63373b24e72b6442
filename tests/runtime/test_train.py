"""`train` writes an artifact whose model equals that of a direct call of `lightgbm.train`."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lgbm_runtime.training import channel_rows
from lgbm_sm.backends.sagemaker.metric_definitions import METRIC_DEFINITIONS
from tests.runtime.training_jobs import (
    PARAMS,
    TRAIN,
    TRAIN_CSV,
    VALID,
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


def test_the_model_equals_a_direct_call_when_the_program_is_run_as_in_the_container(tmp_path: Path) -> None:
    job = regression_job(tmp_path)
    ended = job.run()

    assert ended.returncode == 0, ended.stderr
    expected = direct_booster(PARAMS, 20, TRAIN, VALID)
    assert trees(job.booster) == trees(expected)
    assert np.array_equal(job.booster.predict(VALID[0]), expected.predict(VALID[0]))
    assert ended.stderr == ""
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("lgbm_runtime ")
    assert lines[1].startswith("hosts: 1, threads: ")
    assert "train: 200 rows, 5 features, boston_train.csv" in lines
    assert "validation: 80 rows, 5 features, boston_valid.csv" in lines
    assert [line.partition(" train:")[0] for line in lines if line.startswith("iteration=")] == [
        f"iteration={number} of 20" for number in range(1, 21)
    ]


def test_early_stopping_cuts_the_model_to_the_best_iteration_when_validation_gets_worse(tmp_path: Path) -> None:
    job = regression_job(tmp_path, learning_rate=0.6, num_boost_round=200, early_stopping_round=5)

    assert job.run_here() == 0
    expected = direct_booster({**PARAMS, "learning_rate": 0.6}, 200, TRAIN, VALID, early_stopping=5)
    metadata = job.metadata
    assert metadata["best_iteration"] == expected.best_iteration < metadata["iterations"] < 200
    assert job.booster.num_trees() == expected.best_iteration
    assert np.array_equal(job.booster.predict(VALID[0]), expected.predict(VALID[0]))
    assert metadata["metrics"]["validation"]["l2"] == expected.best_score["valid_0"]["l2"]


def test_metadata_and_output_data_tell_about_the_model_when_it_is_trained(tmp_path: Path) -> None:
    job = regression_job(tmp_path, metric="l1,rmse", num_boost_round=6)

    assert job.run_here() == 0
    metadata = job.metadata
    assert metadata["format_version"] == 1
    assert metadata["schema"] is None
    assert metadata["objective"] == "regression"
    assert metadata["num_class"] == 1
    assert metadata["hyperparameters"]["num_leaves"] == 7
    assert (metadata["iterations"], metadata["best_iteration"], metadata["stopped"]) == (6, 6, False)
    assert set(metadata["versions"]) == {"lightgbm", "python", "lgbm_runtime"}
    history = json.loads((job.root / "output" / "data" / "metrics.json").read_text())
    assert {name: len(values) for name, values in history["validation"].items()} == {"l1": 6, "rmse": 6}
    assert metadata["metrics"]["train"]["rmse"] == history["train"]["rmse"][-1]
    with (job.root / "output" / "data" / "feature_importance.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"Column_{index}" for index in range(5)]
    assert [int(row["split"]) for row in rows] == job.booster.feature_importance("split").tolist()
    assert sorted(path.name for path in (job.root / "model").iterdir()) == [
        "lgbm-sm-manifest.json",
        "lightgbm-regression-model.txt",
        "metadata.json",
    ]


def test_the_metric_definitions_find_every_value_when_they_read_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = regression_job(tmp_path, metric="l2", learning_rate=0.3)

    assert job.run_here() == 0
    log = capsys.readouterr().out
    history = json.loads((job.root / "output" / "data" / "metrics.json").read_text())
    for channel in ("train", "validation"):
        found = [float(value) for value in re.findall(dict(METRIC_DEFINITIONS)[f"{channel}:l2"], log)]
        assert found == history[channel]["l2"]
    assert len(METRIC_DEFINITIONS) <= 40


@pytest.mark.parametrize("chunk", [None, 1500])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"bin_construct_sample_cnt": 60},
        {"bin_construct_sample_cnt": 60, "data_random_seed": 8, "linear_tree": True},
        {"bin_construct_sample_cnt": 60, "max_bin_by_feature": [4, 9, 16, 25, 36], "zero_as_missing": True},
        {"metric": ["l1", "l2"], "first_metric_only": True, "early_stopping_round": 3, "learning_rate": 0.7},
        {"metric": ["l1", "l2"], "early_stopping_round": 2, "early_stopping_min_delta": 0.01, "learning_rate": 0.7},
    ],
)
def test_the_model_file_is_the_direct_calls_when_the_rows_come_in_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, Any], chunk: int | None
) -> None:
    if chunk is not None:
        monkeypatch.setattr(channel_rows, "CHUNK_BYTES", chunk)
    X, y = TRAIN[0].copy(), TRAIN[1]
    X[::9, 1], X[::5, 2], X[3:90:2, 3] = np.nan, 0.0, 0.0
    files = {"a.csv": csv_text(table(X[:70], y[:70])), "b.csv": csv_text(table(X[70:], y[70:]))}
    params = {**PARAMS, "verbosity": -1, **parameters}
    del params["verbose"]
    job = make_job(
        tmp_path, {**params, "num_iterations": 30}, {"train": files, "validation": {"v.csv": csv_text(table(*VALID))}}
    )

    assert job.run_here() == 0
    expected = direct_booster(params, 30, (X, y), VALID)
    expected.save_model(tmp_path / "expected.txt")
    assert job.model_path.read_text() == (tmp_path / "expected.txt").read_text()


def categorical_job(root: Path) -> tuple[Job, tuple[Any, Any], tuple[Any, Any]]:
    random = np.random.default_rng(3)
    levels = ["blue", "green, dark", "red"]
    classes = ["no", "yes"]

    def split(rows: int) -> tuple[str, tuple[Any, Any]]:
        codes = random.integers(-1, len(levels), size=rows)
        number = random.normal(size=rows)
        number[::7] = np.nan
        label = ((codes == 2) ^ (np.nan_to_num(number) > 0.5)).astype(int)
        names = [None if code < 0 else f'"{levels[code]}"' for code in codes]
        text = csv_text([[a, b, classes[c]] for a, b, c in zip(names, number.tolist(), label, strict=True)])
        matrix = np.column_stack([np.where(codes < 0, np.nan, codes), number])
        return text, (matrix, label.astype(float))

    train_text, train_set = split(300)
    valid_text, valid_set = split(90)
    schema = schema_for(
        [{"name": "the colour", "type": "categorical", "levels": levels}, *numeric('size "in"')],
        classes,
        {"train": ("t.csv", train_text), "validation": ("v.csv", valid_text)},
    )
    job = make_job(
        root,
        {"objective": "binary", "num_leaves": 7, "verbosity": -1, "n_estimators": 15},
        {"train": {"t.csv": train_text}, "validation": {"v.csv": valid_text}},
        schema,
    )
    return job, train_set, valid_set


def test_a_binary_model_equals_a_direct_call_when_columns_are_text_and_cells_are_missing(tmp_path: Path) -> None:
    job, train_set, valid_set = categorical_job(tmp_path)

    assert job.run_here() == 0
    expected = direct_booster({"objective": "binary", "num_leaves": 7}, 15, train_set, valid_set, categorical=[0])
    assert trees(job.booster) == trees(expected)
    assert np.array_equal(job.booster.predict(valid_set[0]), expected.predict(valid_set[0]))
    assert job.metadata["schema"]["features"][0]["levels"] == ["blue", "green, dark", "red"]
    importance = (job.root / "output" / "data" / "feature_importance.csv").read_text()
    assert '"size ""in"""' in importance


def test_a_multiclass_model_takes_the_number_of_classes_from_the_schema_when_it_is_not_given(tmp_path: Path) -> None:
    X, noise = regression_data(240, seed=5, width=3)
    codes = np.digitize(X[:, 0] + noise / 9, [-0.5, 0.5])
    text = csv_text(table(X, [["small", "middle", "large"][code] for code in codes]))
    schema = schema_for(numeric("a", "b", "c"), ["small", "middle", "large"], {"train": ("t.csv", text)})
    params = {"objective": "multiclass", "num_leaves": 7}
    job = make_job(tmp_path, {**params, "verbosity": -1, "num_round": 8}, {"train": {"t.csv": text}}, schema)

    assert job.run_here() == 0
    expected = direct_booster({**params, "num_class": 3}, 8, (X, codes.astype(float)))
    assert trees(job.booster) == trees(expected)
    assert np.array_equal(job.booster.predict(X), expected.predict(X))
    assert (job.metadata["num_class"], job.metadata["iterations"]) == (3, 8)


def test_early_stopping_is_left_out_with_a_warning_when_there_is_no_validation_channel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = make_job(
        tmp_path, {**PARAMS, "num_boost_round": 3, "early_stopping_rounds": 2}, {"train": {"a.csv": TRAIN_CSV}}
    )

    assert job.run_here() == 0
    assert "warning: early stopping is off" in capsys.readouterr().out
    assert job.metadata["iterations"] == 3
