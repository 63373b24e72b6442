"""Predictions with named columns, and of a single row."""

import csv
import json

import pytest

from tests.cli.conftest import CommandLine

NAMES = ["CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT"]


def first_test_row(project: CommandLine) -> dict[str, float]:
    with (project.folder / "data/test/boston_test.csv").open(newline="") as file:
        return dict(zip(NAMES, map(float, next(csv.reader(file))), strict=True))


def test_one_row_has_the_prediction_that_it_has_among_others(boston: CommandLine) -> None:
    expected = boston("predict").stdout.splitlines()[0]
    row = first_test_row(boston)
    assert boston("predict", "--json", json.dumps(row)).stdout == f"{expected}\n"
    backwards = dict(reversed(row.items()))
    assert boston("predict", "--json", json.dumps(backwards)).stdout == f"{expected}\n"


def test_features_that_one_row_does_not_name_are_missing_cells_and_said(boston: CommandLine) -> None:
    predicted = boston("predict", "--json", '{"RM": 6.5}')
    assert predicted.stdout == boston("predict", "-", stdin=",,,,,6.5,,,,,,,\n").stdout
    assert "missing cells: CRIM, ZN, INDUS, CHAS, NOX, AGE, DIS, RAD, TAX, PTRATIO, B, LSTAT" in predicted.stderr


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"LSTATS": 3}', "--json: the model has no feature 'LSTATS' (did you mean LSTAT?)"),
        ("[1, 2]", "--json is not an object"),
        ('{"RM": }', "--json is not JSON"),
    ],
)
def test_one_row_is_refused_when_it_is_not_that_of_the_model(boston: CommandLine, row: str, said: str) -> None:
    assert said in boston("predict", "--json", row, exit_code=2).stderr


def test_a_cell_of_one_row_that_is_no_number_is_refused_by_name(boston: CommandLine) -> None:
    refused = boston("predict", "--json", '{"RM": "many"}', exit_code=4).stderr
    assert "column 'RM' must contain numbers, but contains 'many' (row 1)" in refused


def test_the_columns_of_the_output_have_names_when_a_header_is_asked_for(boston: CommandLine) -> None:
    plain = boston("predict").stdout
    assert boston("predict", "--header").stdout == f"prediction\n{plain}"
    contributions = boston("predict", "--header", "--give", "contributions").stdout.splitlines()
    assert contributions[0].split(",") == [*(f"contribution_{name}" for name in NAMES), "expected_value"]
    assert contributions[1:] == boston("predict", "--give", "contributions").stdout.splitlines()
    leaves = boston("predict", "--header", "--give", "leaf_index").stdout.splitlines()[0].split(",")
    assert leaves[:2] == ["leaf_0", "leaf_1"]
    lines = boston("predict", "--header", "--accept", "application/jsonlines").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [{"prediction": float(value)} for value in plain.split()]
    document = json.loads(boston("predict", "--header", "--output", "json").stdout)
    assert document["predictions"] == [{"prediction": float(value)} for value in plain.split()]
    assert set(document["metrics"]) == {"rmse", "mae", "r2"}
