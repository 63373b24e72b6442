"""`train` and `predict` warn of a model that is probably not the one that the user wants."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import CommandLine

ONE_CLASS = Path(__file__).parents[1] / "runtime" / "one_class"


def configure(folder: Path, hyperparameters: str, target: str) -> None:
    (folder / "config.yaml").write_text(
        "data:\n  name: parts\n  files: {train: train.csv, validation: validation.csv, test: test.csv}\n"
        f"  target: {target}\ntraining:\n  hyperparameters: {{{hyperparameters}}}\n"
    )


def test_train_repeats_the_warning_when_the_last_iteration_is_the_best(boston: CommandLine) -> None:
    trained = boston("train", "--output", "json")
    warning = (
        "best iteration 20 of 20: the last iteration is the best by validation l2, so more iterations can improve the "
        "model; train longer: lgbm-sm train --set training.hyperparameters.num_boost_round=1000"
    )
    assert json.loads(trained.stdout)["warnings"] == [warning]
    lines = trained.stderr.splitlines()
    assert f"  | warning: {warning}" in lines
    assert f"warning: {warning}" in lines
    longer = boston("train", "--set", "training.hyperparameters.num_boost_round=1000", "--output", "json")
    assert json.loads(longer.stdout)["warnings"] == []


@pytest.mark.slow
def test_train_warns_when_the_validation_rows_have_one_class(lgbm_sm: CommandLine) -> None:
    for name in ("train", "validation", "test"):
        shutil.copy(ONE_CLASS / f"{name}.csv", lgbm_sm.folder)
    configure(lgbm_sm.folder, "objective: binary, metric: auc, num_boost_round: 10, early_stopping_round: 5", "y")
    lgbm_sm("prepare-data")
    trained = json.loads(lgbm_sm("train", "--output", "json").stdout)
    [warning] = trained["warnings"]
    assert "the target is 0 in each row of the validation channel" in warning
    assert trained["best_iteration"] == 10


@pytest.mark.slow
def test_predict_warns_when_the_test_rows_are_of_another_kind(lgbm_sm: CommandLine) -> None:
    random = np.random.default_rng(11)
    for name, rows, slope in (("train", 400, 2.0), ("validation", 200, 2.0), ("test", 200, -2.0)):
        values = random.normal(size=rows)
        labels = values * slope + random.normal(size=rows) / 5
        with (lgbm_sm.folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("x", "y"), *zip(values.tolist(), labels.tolist(), strict=True)])
    configure(lgbm_sm.folder, "objective: regression, num_boost_round: 500, early_stopping_round: 20", "y")
    lgbm_sm("prepare-data")
    lgbm_sm("train")
    lgbm_sm("deploy")
    predicted = lgbm_sm("predict")
    [warning] = [line for line in predicted.stderr.splitlines() if line.startswith("warning: ")]
    assert warning.startswith("warning: test l2 ")
    assert " is far from validation l2 " in warning
    assert warning.endswith("let lgbm-sm split one table: set data.file")
