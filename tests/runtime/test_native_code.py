"""The compiled code is made by any C compiler, and whatever is wrong with it, the answers are the same."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgbm_runtime import native_code
from lgbm_runtime.booster import PREDICTION, RAW_SCORE, LightgbmBooster
from tests.contract.serving import start_server
from tests.runtime.test_booster import CATEGORICAL, MODELS, RANKING, features, target

needs_compiler = pytest.mark.skipif(not os.environ[native_code.VARIABLE], reason="no C compiler is here")
SOURCES = Path(native_code.__file__).parent / "native"
FEATURES = 5


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Has the program load another file."""

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
    assert f"{broken} cannot be loaded, and is done without" in capfd.readouterr().err


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
    assert ("the compiled code does not predict the same" in capfd.readouterr().err) is not is_of_use


@needs_compiler
def test_it_walks_through_all_trees_but_a_few_kinds(tmp_path: Path) -> None:
    native = native_code.native_code()
    assert native is not None
    left_to_lightgbm = set()
    for name, params in MODELS.items():
        X = features(400, 1)
        group = [20] * 20 if params["objective"] in RANKING else None
        data = lightgbm.Dataset(X, target(X, params), group=group, categorical_feature=CATEGORICAL)
        ours = {key: value for key, value in params.items() if key != "early_stopping_round"}
        booster = lightgbm.train({"verbosity": -1, "num_threads": 1, **ours}, data, 5)
        path = tmp_path / "model.txt"
        booster.save_model(str(path))
        if not LightgbmBooster(path).walks_through_trees:
            left_to_lightgbm.add(name)
    assert left_to_lightgbm == {
        *("cross_entropy_lambda", "root", "linear trees", "linear classes", "random forest", "zero is missing")
    }


DIGITS = st.from_regex(r"[+-]?([0-9]{1,25}(\.[0-9]{0,25})?|\.[0-9]{1,25})([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@needs_compiler
@settings(max_examples=300)
@given(DIGITS)
def test_each_way_to_write_a_number_gives_the_float_that_python_reads(text: str) -> None:
    native = native_code.native_code()
    assert native is not None
    row = native.read_row(text.encode(), 1)
    value = float(text)
    assert row is None if math.isinf(value) else row is not None and row.tobytes() == array("d", [value]).tobytes()


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
