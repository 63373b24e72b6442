"""prepare-data with the built-in data sets, and its import without heavy packages."""

import subprocess
import sys
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import train_test_split

from lgbm_sm.preparation.schema import load_schema, training_channels, verify_split
from tests.preparation.data_project import DataProject


def notebook_files(folder: Path) -> dict[str, bytes]:
    """Return the files that the cells of the notebook write."""
    with resources.as_file(resources.files("lgbm_sm") / "datasets" / "boston.csv") as path:
        boston = pd.read_csv(path)
    x, y = boston.drop(columns="target").to_numpy(), boston["target"].to_numpy()
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=45)
    x_train, x_val, y_train, y_val = train_test_split(x_train, y_train, test_size=0.25, random_state=45)
    names = boston.columns[:-1]
    for name, features, target in (("train", x_train, y_train), ("valid", x_val, y_val)):
        frame = pd.DataFrame(features, columns=names)
        frame["target"] = target
        frame.to_csv(folder / f"{name}.csv", header=False, index=False)
    pd.DataFrame(x_test, columns=names).to_csv(folder / "test.csv", header=False, index=False)
    pd.DataFrame(y_test).to_csv(folder / "test_target.csv", header=False, index=False)
    return {path.stem: path.read_bytes() for path in folder.glob("*.csv")}


def test_boston_files_are_those_of_the_notebook_byte_for_byte_when_nothing_is_configured(tmp_path: Path) -> None:
    project = DataProject(tmp_path)
    prepared = project.prepare()
    (tmp_path / "notebook").mkdir()
    expected = notebook_files(tmp_path / "notebook")
    assert project.listing() == [
        "schema/schema.json",
        "test/boston_test.csv",
        "test_target/boston_test_target.csv",
        "train/boston_train.csv",
        "valid/boston_valid.csv",
    ]
    for folder, content in expected.items():
        assert (project.data / folder / f"boston_{folder}.csv").read_bytes() == content
    assert [(file.split, file.rows, file.columns) for file in prepared.files] == [
        ("train", 303, 14),
        ("validation", 101, 14),
        ("test", 102, 13),
        ("test_target", 102, 1),
    ]
    first_line = expected["train"].decode().splitlines()[0]
    assert ",".join(prepared.files[0].preview[0]) == first_line
    assert [len(file.preview) for file in prepared.files] == [5, 5, 5, 5]


def test_the_ethical_problem_is_told_once_when_boston_is_prepared(tmp_path: Path) -> None:
    project = DataProject(tmp_path)
    project.prepare()
    assert ["ethical" in warning for warning in project.reports.warnings] == [True]


def test_the_schema_describes_the_files_when_boston_is_prepared(tmp_path: Path) -> None:
    project = DataProject(tmp_path)
    prepared = project.prepare()
    document = project.schema()
    assert document["dataset"] == "boston"
    assert document["target"] == {"name": "target", "classes": None}
    assert document["features"][0] == {"name": "CRIM", "type": "numeric"}
    assert len(document["features"]) == 13
    assert {split: part["rows"] for split, part in document["splits"].items()} == {
        "train": 303,
        "validation": 101,
        "test": 102,
        "test_target": 102,
    }
    assert load_schema(project.data) == prepared.schema
    assert prepared.schema.document == document
    assert training_channels(project.data) == {
        "train": project.data / "train",
        "validation": project.data / "valid",
        "schema": project.data / "schema",
    }
    for split in document["splits"]:
        assert verify_split(project.data, prepared.schema, split).is_file()


def test_classes_come_by_name_and_in_proportion_when_iris_is_prepared(tmp_path: Path) -> None:
    project = DataProject(tmp_path)
    project.prepare("softmax", name="iris")
    document = project.schema()
    assert [feature["name"] for feature in document["features"]] == load_iris().feature_names
    assert document["target"]["classes"] == ["setosa", "versicolor", "virginica"]
    for split, count in (("train", 30), ("validation", 10), ("test_target", 10)):
        labels = [row[-1] for row in project.rows(split)]
        assert [labels.count(name) for name in document["target"]["classes"]] == [count] * 3


def test_rows_keep_their_classes_when_breast_cancer_is_prepared(tmp_path: Path) -> None:
    project = DataProject(tmp_path)
    project.prepare("binary", name="breast-cancer")
    bunch = load_breast_cancer()
    assert project.schema()["target"]["classes"] == ["malignant", "benign"]
    expected = sorted(
        (*row, bunch.target_names[code]) for row, code in zip(bunch.data.tolist(), bunch.target, strict=True)
    )
    test = [(*row, *label) for row, label in zip(project.rows("test"), project.rows("test_target"), strict=True)]
    found = [(*map(float, row[:-1]), row[-1]) for row in (*project.rows("train", "validation"), *test)]
    assert sorted(found) == expected


def test_diabetes_is_a_regression_when_prepared(tmp_path: Path) -> None:
    project = DataProject(tmp_path)
    project.prepare(name="diabetes")
    assert project.schema()["target"]["classes"] is None
    assert [len(project.rows(split)) for split in ("train", "validation", "test")] == [264, 89, 89]


def test_columns_are_left_out_or_categorical_when_a_shipped_data_set_is_configured_so(tmp_path: Path) -> None:
    project = DataProject(tmp_path)
    project.prepare(drop=["B"], categorical=["CHAS"])
    features = {feature["name"]: feature for feature in project.schema()["features"]}
    assert "B" not in features
    assert features["CHAS"] == {"name": "CHAS", "type": "categorical", "levels": [0.0, 1.0]}


def test_the_nearest_data_set_is_suggested_when_there_is_none_of_the_name(tmp_path: Path) -> None:
    error = DataProject(tmp_path).refusal(name="breast_cancer")
    assert error.message == "data set 'breast_cancer' does not exist (did you mean breast-cancer?)"
    assert "boston, diabetes, breast-cancer, iris" in error.hint


def test_splits_follow_the_configuration_when_it_sets_sizes_and_seed(tmp_path: Path) -> None:
    project = DataProject(tmp_path)
    project.prepare(test_size=0.5, validation_size=0.5, random_state=1)
    first = project.rows("train")
    project.prepare(test_size=0.5, validation_size=0.5, random_state=2)
    assert [len(project.rows(split)) for split in ("train", "validation", "test")] == [126, 127, 253]
    assert project.rows("train") != first


@pytest.mark.parametrize("module", ["lgbm_sm.data", "lgbm_sm.preparation.schema"])
def test_no_library_for_tables_is_loaded_when_the_module_is_imported(module: str) -> None:
    code = (
        f"import {module}, sys; print(sorted({{'pandas', 'sklearn', 'numpy', 'pyarrow', 'scipy'}} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
