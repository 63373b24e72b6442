from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

from lgbm_runtime.core.errors import InvocationError, ModelError
from lgbm_runtime.core.predictor import Predictor
from tests.runtime.test_schema import DOCUMENT

NAMES = ["age", "colour", "size"]


def make_model(
    folder: Path, params: dict[str, Any], schema: object = None, *, metadata: bool = True
) -> lightgbm.Booster:
    random = np.random.default_rng(3)
    X = np.column_stack([random.normal(size=200), random.integers(0, 2, 200), random.integers(0, 2, 200)])
    y = (X[:, 0] + X[:, 1] > 0.5).astype(float) + (X[:, 0] > 1 if params.get("num_class") else 0)
    dataset = lightgbm.Dataset(X, y, feature_name=NAMES, categorical_feature=[1, 2])
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1, **params}, dataset, 5)
    booster.save_model(str(folder / "lightgbm-regression-model.txt"))
    if metadata:
        (folder / "metadata.json").write_text(json.dumps({"schema": schema}))
    return booster


def test_model_is_served_with_the_booster_s_names_when_there_is_no_metadata(tmp_path: Path) -> None:
    booster = make_model(tmp_path, {"objective": "regression"}, metadata=False)
    answer = Predictor.load(tmp_path).invoke(b"size,colour,age\n1,0,0.25\n", "text/csv", None)
    assert float(answer.body) == np.asarray(booster.predict([[0.25, 0, 1]]))[0]


def test_model_is_served_without_a_schema_when_the_metadata_have_none(tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "regression"}, schema=None)
    assert Predictor.load(tmp_path).schema.feature_names == NAMES


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize(
    ("line", "column"),
    [
        (b"1,1e999,3", "colour"),
        (b"1e308,1e308,-1e999\n", "size"),
        (b"true,1,2", "age"),
        (b"1,false,2", "colour"),
        (b"1,2,[3]", "size"),
        (b"1,2,1_0", "size"),
    ],
)
def test_single_row_is_refused_when_a_cell_is_no_finite_number(line: bytes, column: str, tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "regression"})
    with pytest.raises(InvocationError) as caught:
        Predictor.load(tmp_path).invoke(line, "text/csv", None)
    assert (caught.value.status, caught.value.row, caught.value.column) == (400, 1, column)


def test_label_is_the_class_of_the_schema(tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "binary"}, DOCUMENT)
    predictor = Predictor.load(tmp_path, num_threads=1)
    answer = predictor.invoke(b"-3,blue,10\n3,red,10", None, None, "output=label")
    assert answer.body == b"no\nyes\n"


def test_label_is_the_code_when_there_is_no_schema(tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "binary"})
    answer = Predictor.load(tmp_path).invoke(b"-3,0,0\n3,1,0", None, "application/json", "output=label")
    assert answer.body == b'{"predictions": [0, 1]}'


def test_probabilities_are_the_same_whichever_way_they_are_asked_for(tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "binary"}, DOCUMENT)
    predictor = Predictor.load(tmp_path)
    [first, second] = json.loads(
        predictor.invoke(b"1,red,10", None, "application/jsonlines", "output=probabilities").body
    )
    assert second == float(predictor.invoke(b"1,red,10", None, None).body)
    assert first == 1 - second


def test_outputs_follow_the_objective(tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "multiclass", "num_class": 3})
    assert Predictor.load(tmp_path).outputs == [
        "prediction",
        "raw_score",
        "probabilities",
        "label",
        "leaf_index",
        "contributions",
    ]
    make_model(tmp_path, {"objective": "poisson"})
    assert Predictor.load(tmp_path).outputs == ["prediction", "raw_score", "leaf_index", "contributions"]


def test_contributions_are_not_offered_when_the_trees_are_linear(tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "regression", "linear_tree": True})
    predictor = Predictor.load(tmp_path)
    with pytest.raises(InvocationError, match="it has prediction, raw_score, leaf_index") as caught:
        predictor.invoke(b"1,0,0", None, None, "output=contributions")
    assert caught.value.status == 400


def test_unseen_categories_are_logged_in_one_line_and_named_to_the_client(tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "binary"}, DOCUMENT)
    lines: list[str] = []
    predictor = Predictor.load(tmp_path, log=lines.append)
    body = "\n".join(f"1,verfärbung {number},10" for number in range(40)).encode()
    answer = predictor.invoke(body, "text/csv", None)
    assert len(lines) == 1
    assert lines[0].isascii()
    assert "\n" not in lines[0]
    assert lines[0].endswith("and 35 more")
    assert len(answer.attributes) <= 1024
    assert answer.attributes.startswith("unseen_categories=colour:verf%C3%A4rbung 0|colour:")
    assert answer.attributes.endswith("|...")


def test_hostile_level_cannot_break_the_header_or_the_log(tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "binary"}, DOCUMENT)
    lines: list[str] = []
    predictor = Predictor.load(tmp_path, log=lines.append)
    answer = predictor.invoke(b'[[1, "a\\r\\nSet-Cookie: b\\ud800|,\\u0000", 10]]', "application/json", None)
    assert answer.attributes.isascii()
    assert answer.attributes.isprintable()
    assert len(lines[0].splitlines()) == 1
    assert lines[0].isprintable()


def test_nothing_is_said_when_all_levels_are_known(tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "binary"}, DOCUMENT)
    lines: list[str] = []
    assert Predictor.load(tmp_path, log=lines.append).invoke(b"1,red,", None, None).attributes == ""
    assert lines == []


def test_model_proves_itself_when_it_predicts(tmp_path: Path) -> None:
    make_model(tmp_path, {"objective": "multiclass", "num_class": 3})
    Predictor.load(tmp_path).prove()


@pytest.mark.parametrize(
    ("classes", "params"),
    [
        (["a", "b", "c"], {"objective": "binary"}),
        (["a", "b"], {"objective": "multiclass", "num_class": 3}),
    ],
)
def test_model_is_refused_when_the_classes_are_not_its_own(
    classes: list[str], params: dict[str, Any], tmp_path: Path
) -> None:
    make_model(tmp_path, params, {**DOCUMENT, "target": {"name": "y", "classes": classes}})
    with pytest.raises(ModelError, match="classes, but the model has"):
        Predictor.load(tmp_path)
