"""Any C compiler can compile the code.

If the compiled code is faulty, the answers are the same.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgbm_runtime.core import native_code
from lgbm_runtime.core.booster import PREDICTION, RAW_SCORE, LightgbmBooster
from tests.contract.serving import start_server
from tests.runtime.test_booster import CATEGORICAL, MODELS, RANKING, features, target

needs_compiler = pytest.mark.skipif(not os.environ[native_code.VARIABLE], reason="no C compiler is here")
SOURCES = Path(native_code.__file__).parent / "native"
FEATURES = 5
SLOWER = "LightGBM itself predicts, which is slower: "


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let the program load another compiled file."""

    def load(path: Path) -> native_code.NativeCode | None:
        monkeypatch.setenv(native_code.VARIABLE, str(path))
        native_code.native_code.cache_clear()
        return native_code.native_code()

    yield load
    native_code.native_code.cache_clear()


def compiled(path: Path, sources: Path = SOURCES, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(sources / "compile.sh"), str(path)],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def model_file(folder: Path, objective: str) -> tuple[lightgbm.Booster, Path]:
    X = np.random.default_rng(3).normal(size=(2000, FEATURES))
    target = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(float)
    params = {"objective": objective, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(X, target), 20)
    booster.save_model(str(folder / "model.txt"))
    return booster, folder / "model.txt"


@needs_compiler
def test_any_compiler_makes_it(tmp_path: Path, loaded: Any) -> None:
    ended = compiled(tmp_path / "new.so")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["new.so"]
    native = loaded(tmp_path / "new.so")
    assert native.read_numbers(b"1,2.5\n,-3e2\n", 2)[0].tolist() == [1.0, 2.5]


@pytest.mark.parametrize(
    ("compiler", "said"),
    [("no-such-compiler", "no-such-compiler: not found"), ("cc -no-such-option", "-no-such-option")],
)
def test_it_says_why_it_cannot_be_compiled(compiler: str, said: str, tmp_path: Path) -> None:
    ended = compiled(tmp_path / "new.so", CC=compiler)
    assert ended.returncode != 0
    assert said in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_library_is_done_without(
    tmp_path: Path, loaded: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"not for this machine")
    assert loaded(broken) is None
    assert f"{broken} cannot be loaded; continuing without compiled code" in capfd.readouterr().err


@needs_compiler
@pytest.mark.parametrize("objective", ["regression", "cross_entropy"])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("cell > at->threshold", "cell >= at->threshold"),
        ("1.0 / (1.0 + exp", "1.0 / (1.5 + exp"),
        ("(cell != cell) & at->feature", "0"),
    ],
)
def test_code_that_predicts_otherwise_than_lightgbm_is_not_used(
    right: str,
    wrong: str,
    objective: str,
    tmp_path: Path,
    loaded: Any,
    capfd: pytest.CaptureFixture[str],
) -> None:
    sources = shutil.copytree(SOURCES, tmp_path / "native")
    text = (sources / "tree_walk.c").read_text()
    assert right in text
    (sources / "tree_walk.c").write_text(text.replace(right, wrong))
    assert compiled(tmp_path / "other.so", sources).returncode == 0
    loaded(tmp_path / "other.so")
    package, path = model_file(tmp_path, objective)
    booster = LightgbmBooster(path)
    X = np.random.default_rng(1).normal(size=(50, FEATURES))
    for output, raw in ((PREDICTION, False), (RAW_SCORE, True)):
        assert booster.predict(X, output).tobytes() == np.asarray(package.predict(X, raw_score=raw)).tobytes()
    assert booster.predict_line(",".join(map(repr, X[0].tolist())).encode()) == [package.predict(X[:1])[0]]
    is_of_use = "exp" in right and objective == "regression"
    assert ("the compiled code predicts different values" in capfd.readouterr().err) is not is_of_use


@needs_compiler
def test_it_walks_through_all_trees_but_a_few_kinds_which_the_log_names(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    native = native_code.native_code()
    assert native is not None
    left_to_lightgbm = {}
    for name, params in MODELS.items():
        X = features(400, 1)
        group = [20] * 20 if params["objective"] in RANKING else None
        data = lightgbm.Dataset(X, target(X, params), group=group, categorical_feature=CATEGORICAL)
        ours = {key: value for key, value in params.items() if key != "early_stopping_round"}
        booster = lightgbm.train({"verbosity": -1, "num_threads": 1, **ours}, data, 5)
        path = tmp_path / "model.txt"
        booster.save_model(str(path))
        capfd.readouterr()
        is_ours, said = LightgbmBooster(path).walks_through_trees, capfd.readouterr().err
        if is_ours:
            assert said == ""
        else:
            left_to_lightgbm[name] = said.removeprefix(SLOWER).removesuffix("\n")
    assert left_to_lightgbm == {
        "cross_entropy_lambda": "the model's objective is cross_entropy_lambda",
        "root": "the model's objective is regression sqrt",
        "linear trees": "the model's trees are linear",
        "linear classes": "the model's trees are linear",
        "random forest": "the model's trees are averaged",
        "zero is missing": "the model treats zero as missing",
    }


def missing_or_present(folder: Path) -> Path:
    """Write a model with the threshold inf, as LightGBM does.

    A missing cell goes right, others left.
    """
    random = np.random.default_rng(1)
    X = random.normal(size=(3000, FEATURES))
    X[random.random(X.shape) < 0.05] = np.nan
    y = np.nan_to_num(X[:, 1]) + 3 * np.isnan(X[:, 0])
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(X, y), 20)
    booster.save_model(str(folder / "model.txt"))
    return folder / "model.txt"


def with_value(path: Path, field: str, value: str) -> Path:
    """Return the model with this value as the first one in a field of the first tree."""
    # the sizes are no longer right, and LightGBM does without them
    text = re.sub(r"\ntree_sizes=[^\n]*", "", path.read_text())
    start = text.index(f"\n{field}=") + len(field) + 2
    path.write_text(text[:start] + value + text[text.index(" ", start) :])
    return path


EDGES = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e300, -1e300, 1.7e308, -1.7e308, 1e308, 5e-324, 1e-36, 1.0, -1.0]


@needs_compiler
@pytest.mark.parametrize(
    ("field", "value"),
    [("", ""), ("threshold", "inf"), ("threshold", "-inf"), ("leaf_value", "inf"), ("leaf_value", "nan")],
)
def test_a_value_that_is_not_finite_is_walked_past_as_lightgbm_does(
    field: str, value: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = missing_or_present(tmp_path)
    thresholds = [line for line in path.read_text().split("\n") if line.startswith("threshold=")]
    assert "inf" in " ".join(thresholds).replace("=", " ").split()
    if field:
        with_value(path, field, value)
    booster, package = LightgbmBooster(path), lightgbm.Booster(model_file=str(path))
    assert booster.walks_through_trees, capfd.readouterr().err
    X = np.random.default_rng(2).choice(EDGES, (2000, FEATURES))
    expected = np.asarray(package.predict(X, num_threads=1))
    assert booster.predict(X, PREDICTION).tobytes() == expected.tobytes()
    finite = ~np.isinf(X).any(axis=1) & ~np.isnan(expected)
    for row, prediction in zip(X[finite][:200].tolist(), expected[finite][:200].tolist(), strict=True):
        assert booster.predict_line(",".join(map(repr, row)).encode()) == [prediction]


@needs_compiler
def test_a_threshold_that_is_no_number_is_left_to_lightgbm_and_the_log_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = with_value(missing_or_present(tmp_path), "threshold", "nan")
    booster, package = LightgbmBooster(path), lightgbm.Booster(model_file=str(path))
    assert capfd.readouterr().err == f"{SLOWER}a threshold of the model is NaN\n"
    X = np.random.default_rng(2).choice(EDGES, (500, FEATURES))
    assert booster.predict(X, PREDICTION).tobytes() == np.asarray(package.predict(X, num_threads=1)).tobytes()


@needs_compiler
@given(st.binary(max_size=60) | st.text(",.-+e1 \r\n\x00nNaA", max_size=60).map(str.encode), st.integers(1, 4))
def test_a_table_is_read_as_python_reads_it_or_not_at_all(table: bytes, width: int) -> None:
    native = native_code.native_code()
    assert native is not None
    matrix = native.read_numbers(table, width)
    if matrix is not None:
        lines = table.decode("ascii").removesuffix("\n").removesuffix("\r").split("\n")
        cells = [[cell.strip() for cell in line.removesuffix("\r").split(",")] for line in lines]
        expected = [[math.nan if cell in ("", "NA") else float(cell) for cell in row] for row in cells]
        np.testing.assert_array_equal(matrix, np.array(expected))


@needs_compiler
def test_one_row_among_rows_takes_the_time_of_one_and_not_of_eight(tmp_path: Path) -> None:
    X = np.random.default_rng(1).normal(size=(2000, FEATURES))
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(X, X[:, 0] * X[:, 1]), 200)
    booster.save_model(str(tmp_path / "model.txt"))
    ours, (one, eight) = LightgbmBooster(tmp_path / "model.txt"), (X[:1], X[:8])
    assert ours.walks_through_trees
    seconds = {1: math.inf, 8: math.inf}
    # the shortest of many is the code's own time, whatever else the machine does
    for _ in range(100):
        for rows in (one, eight):
            start = time.perf_counter()
            ours.predict(rows, RAW_SCORE)
            seconds[len(rows)] = min(seconds[len(rows)], time.perf_counter() - start)
    # a fifth; where all lanes carry the same row, more than a half
    assert seconds[1] < 0.4 * seconds[8]


@needs_compiler
@pytest.mark.parametrize("classes", [1, 3])
def test_rows_score_the_same_however_many_come_together(classes: int, tmp_path: Path) -> None:
    X = np.random.default_rng(1).normal(size=(2000, FEATURES))
    score = X[:, 0] * X[:, 1]
    objective = {"objective": "multiclass", "num_class": classes} if classes > 1 else {}
    y = np.digitize(score, [-0.5, 0.5]).astype(float) if classes > 1 else score
    params = {"verbosity": -1, "num_threads": 1, **objective}
    booster = lightgbm.train(params, lightgbm.Dataset(X, y), 7)
    booster.save_model(str(tmp_path / "model.txt"))
    ours = LightgbmBooster(tmp_path / "model.txt")
    expected = np.asarray(booster.predict(X[:20], num_threads=1))
    for count in range(1, 21):
        assert ours.predict(X[:count], PREDICTION).tobytes() == expected[:count].tobytes()


def test_the_server_says_that_it_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native_code.VARIABLE, "nowhere")
    (tmp_path / "model").mkdir()
    _, path = model_file(tmp_path / "model", "regression")
    path.rename(path.with_name("lightgbm-regression-model.txt"))
    server = start_server(tmp_path)
    try:
        server.wait_for_log("without compiled code")
    finally:
        server.close()
