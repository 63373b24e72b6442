"""Predictions are bit-identical to those of `lightgbm.Booster.predict`."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from lgbm_runtime.core import c_api
from lgbm_runtime.core.booster import CONTRIBUTIONS, LEAF_INDEX, PREDICTION, RAW_SCORE, LightgbmBooster
from lgbm_runtime.core.errors import ModelError
from lgbm_runtime.core.lightgbm_library import LibraryError

Matrix = NDArray[np.float64]

WIDTH = 6
CATEGORICAL = [4, 5]
ARGUMENTS: dict[str, dict[str, Any]] = {
    PREDICTION: {},
    RAW_SCORE: {"raw_score": True},
    LEAF_INDEX: {"pred_leaf": True},
    CONTRIBUTIONS: {"pred_contrib": True},
}
REAL = ["regression", "regression_l1", "huber", "fair", "quantile", "mape"]
POSITIVE = ["poisson", "gamma", "tweedie"]
SHARE = ["binary", "cross_entropy", "cross_entropy_lambda"]
CLASSES = ["multiclass", "multiclassova"]
RANKING = ["lambdarank", "rank_xendcg"]
MODELS: dict[str, dict[str, Any]] = {
    **{objective: {"objective": objective} for objective in REAL + POSITIVE + SHARE + RANKING},
    **{objective: {"objective": objective, "num_class": 3} for objective in CLASSES},
    "root": {"objective": "regression", "reg_sqrt": True},
    "sigmoid": {"objective": "binary", "sigmoid": 2.5, "is_unbalance": True},
    "linear trees": {"objective": "regression", "linear_tree": True},
    "linear classes": {"objective": "multiclass", "num_class": 3, "linear_tree": True},
    "random forest": {"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
    "dart": {"objective": "binary", "boosting": "dart", "drop_rate": 0.5},
    "zero is missing": {"objective": "regression", "zero_as_missing": True},
    "no missing": {"objective": "regression", "use_missing": False},
    "one leaf": {"objective": "regression", "min_data_in_leaf": 10_000},
    "monotone": {"objective": "regression", "monotone_constraints": [1, -1, 0, 0, 0, 0]},
    "early stopped": {"objective": "regression", "early_stopping_round": 2, "learning_rate": 1.5},
}


def features(rows: int, seed: int) -> Matrix:
    """Return numbers with zeros and gaps, and two categorical features.

    One of these has many categories and also unseen categories.
    """
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, WIDTH)) * 10.0 ** random.integers(-3, 4, WIDTH)
    X[:, 4] = random.integers(0, 4, rows)
    X[:, 5] = random.integers(0, 60, rows)
    X[random.random(X.shape) < 0.08] = np.nan
    X[random.random(X.shape) < 0.05] = 0.0
    return X


def target(X: Matrix, params: Mapping[str, Any]) -> Matrix:
    score = np.nan_to_num(X[:, 0]) / 10 + np.nan_to_num(X[:, 4]) + np.sin(np.nan_to_num(X[:, 5]))
    objective = params["objective"]
    if objective in SHARE:
        return (score > np.median(score)).astype(float)
    if objective in CLASSES + RANKING:
        return np.digitize(score, np.quantile(score, [0.4, 0.8])).astype(float)
    return np.abs(score) + 0.1 if objective in POSITIVE else score


@pytest.fixture(scope="module", params=list(MODELS))
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The booster of the package `lightgbm`, and the path of its file."""
    params = {"verbosity": -1, "num_threads": 1, "deterministic": True, **MODELS[request.param]}
    X, X_valid = features(800, 1), features(300, 2)
    group = [40] * 20 if params["objective"] in RANKING else None
    train = lightgbm.Dataset(X, target(X, params), group=group, categorical_feature=CATEGORICAL)
    valid = lightgbm.Dataset(X_valid, target(X_valid, params), reference=train)
    valid_sets = [valid] if "early_stopping_round" in params else None
    booster = lightgbm.train(params, train, 40, valid_sets=valid_sets)
    if valid_sets:
        assert 0 < booster.best_iteration < 40
    path = tmp_path_factory.mktemp("model") / "model.txt"
    booster.save_model(str(path))
    return lightgbm.Booster(model_file=str(path)), path


def outputs_of(booster: LightgbmBooster, code: str, rows: int) -> Iterator[str]:
    for output in ARGUMENTS:
        # what is always LightGBM's own is looked at once
        is_compared = code == "compiled" or output in (PREDICTION, RAW_SCORE)
        # contributions take a millisecond a row, and 700 rows are already shared out in two blocks
        is_quick = output != CONTRIBUTIONS or rows <= 700
        if is_compared and is_quick and not (output == CONTRIBUTIONS and booster.has_linear_trees):
            yield output


@pytest.mark.parametrize("rows", [1, 2, 700, 3000])
def test_predictions_are_those_of_the_package_to_the_bit(rows: int, code: str, both: tuple[Any, Path]) -> None:
    package, path = both
    booster = LightgbmBooster(path, num_threads=3)
    X = features(rows, rows)
    for output in outputs_of(booster, code, rows):
        expected = package.predict(X, **ARGUMENTS[output])
        values = booster.predict(X, output)
        assert values.dtype == expected.dtype
        assert values.shape == expected.shape
        assert values.tobytes() == expected.tobytes()


def line(row: list[float], line_break: str = "\n") -> bytes:
    """Return a line of CSV. A missing cell is empty."""
    return (",".join("" if math.isnan(cell) else repr(cell) for cell in row) + line_break).encode()


@pytest.mark.usefixtures("code")
def test_single_rows_are_predicted_to_the_bit(both: tuple[Any, Path]) -> None:
    package, path = both
    booster = LightgbmBooster(path)
    X = features(300, 5)
    expected = np.asarray(package.predict(X)).reshape(len(X), -1)
    for line_break in ("", "\n"):
        assert [booster.predict_line(line(row, line_break)) for row in X.tolist()] == expected.tolist()


@pytest.mark.usefixtures("code")
def test_what_is_no_line_of_numbers_is_no_row(tmp_path: Path) -> None:
    X = features(100, 1)[:, :2]
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(X, X[:, 0]), 3)
    booster.save_model(str(tmp_path / "model.txt"))
    predict_line = LightgbmBooster(tmp_path / "model.txt").predict_line
    others = ["", "\n", "1", "1,2,3", "1,x", "1,inf", "1,1_0", '1,"2"', "1,2\n\n", "1,2\n3,4", "a,b\n1,2", "1,2\0"]
    assert [predict_line(text.encode()) for text in others] == [None] * len(others)
    assert all(predict_line(text.encode()) for text in ("1,2", "1,2\n", " 1, 2e0\n", "1,", ",2\n", ","))


def test_names_are_those_of_the_package(both: tuple[Any, Path]) -> None:
    package, path = both
    assert LightgbmBooster(path).feature_names == package.feature_name()


@pytest.mark.usefixtures("code")
def test_threads_that_predict_at_once_do_not_disturb_each_other(both: tuple[Any, Path]) -> None:
    package, path = both
    booster = LightgbmBooster(path, num_threads=2)
    X = features(2000, 9)
    expected = np.asarray(package.predict(X))
    rows, lists = X.tolist(), expected.reshape(len(X), -1).tolist()

    def large(_: int) -> bool:
        return booster.predict(X, PREDICTION).tobytes() == expected.tobytes()

    def small(number: int) -> bool:
        return all(booster.predict_line(line(rows[i])) == lists[i] for i in range(number, len(X), 50))

    with ThreadPoolExecutor(6) as executor:
        assert all([*executor.map(large, range(6)), *executor.map(small, range(20))])


def test_no_thread_is_started_before_a_large_matrix_comes(tmp_path: Path) -> None:
    X = features(100, 1)
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(X, X[:, 0]), 3)
    booster.save_model(str(tmp_path / "model.txt"))
    before = threading.active_count()
    loaded = LightgbmBooster(tmp_path / "model.txt", num_threads=4)
    loaded.predict(X, PREDICTION)
    assert threading.active_count() == before


def test_matrix_of_another_width_is_refused(both: tuple[Any, Path]) -> None:
    # LightGBM would read past the end of the rows
    with pytest.raises(ValueError, match="but the model has 6 features"):
        LightgbmBooster(both[1]).predict(np.zeros((2, WIDTH - 1)), PREDICTION)


def test_model_is_refused_with_the_library_s_words_when_it_is_broken(tmp_path: Path) -> None:
    X = features(100, 1)
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(X, X[:, 0]), 3)
    text = booster.model_to_string()
    path = tmp_path / "model.txt"
    path.write_text(text.replace("feature_infos=", "feature_info="))
    with pytest.raises(ModelError, match=r"cannot load the model file .*model.txt: .*feature_infos"):
        LightgbmBooster(path)


@pytest.mark.parametrize("version", ["3.2.1", "5.0.0", "soon"])
def test_library_is_refused_when_its_c_api_is_not_known(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "lightgbm"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "VERSION.txt").write_text(version)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lightgbm")
    with pytest.raises(LibraryError, match=r"install lightgbm|cannot be read"):
        c_api.load_library()
