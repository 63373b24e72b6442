"""Predictions with named columns, and of a single row."""

import csv
import json

import pandas as pd
import pytest

from tests.cli.conftest import CommandLine
from tests.cli.terminal import Terminal

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


def with_labels(project: CommandLine) -> "pd.DataFrame":
    """The test rows with an id and the labels, the columns in another order."""
    rows = pd.read_csv(project.folder / "data/test/boston_test.csv", names=NAMES)
    rows["target"] = pd.read_csv(project.folder / "data/test_target/boston_test_target.csv", header=None)[0]
    rows.insert(0, "id", [f"{row:03}" for row in range(len(rows))])
    return rows[rows.columns[::-1]]


def test_every_table_of_the_same_rows_has_the_same_predictions(boston: CommandLine) -> None:
    rows, expected, folder = with_labels(boston), boston("predict").stdout, boston.folder
    rows.to_csv(folder / "plain.csv", index=False)
    rows.to_csv(folder / "commas.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    rows.to_csv(folder / "tabs.tsv.gz", index=False, sep="\t")
    rows.to_parquet(folder / "rows.parquet")
    for orient in ("records", "columns", "split", "table", "index"):
        rows.to_json(folder / f"{orient}.json", orient=orient, double_precision=15)
    rows.to_json(folder / "lines.jsonl", orient="records", lines=True, double_precision=15)
    files = ("plain.csv", "commas.csv", "tabs.tsv.gz", "rows.parquet", "lines.jsonl")
    for name in (*files, *(f"{one}.json" for one in ("records", "columns", "split", "table", "index"))):
        assert boston("predict", name).stdout == expected, name


def test_a_labelled_file_is_scored_and_kept_columns_come_first(boston: CommandLine) -> None:
    with_labels(boston).to_csv(boston.folder / "labelled.csv", index=False)
    of_test_rows = json.loads(boston("predict", "--output", "json").stdout)["metrics"]
    document = json.loads(boston("predict", "labelled.csv", "--output", "json").stdout)
    assert document["metrics"] == pytest.approx(of_test_rows)
    assert json.loads(boston("predict", "labelled.csv", "--no-score", "--output", "json").stdout)["metrics"] == {}
    kept = boston("predict", "labelled.csv", "--keep", "id,target").stdout.splitlines()
    assert kept[0] == "id,target,prediction"
    assert [line.split(",")[0] for line in kept[1:]] == [f"{row:03}" for row in range(102)]
    assert [line.split(",")[2] for line in kept[1:]] == boston("predict").stdout.split()


def test_columns_that_the_model_does_not_know_are_named_and_missing_ones_refused(boston: CommandLine) -> None:
    rows = with_labels(boston).rename(columns={"LSTAT": "lstat"})
    rows.assign(LSTAT=rows["lstat"]).to_csv(boston.folder / "more.csv", index=False)
    known = boston("predict", "more.csv")
    assert "more.csv: columns that the model does not know, ignored: lstat, id" in known.stderr
    assert known.stdout == boston("predict").stdout
    rows.to_csv(boston.folder / "less.csv", index=False)
    assert "a column of the model is missing: LSTAT" in boston("predict", "less.csv", exit_code=4).stderr


def shown(project: CommandLine, *arguments: str) -> list[str]:
    """The lines at a terminal, without the messages."""
    with Terminal(project.folder, "predict", *arguments, shows_stdout=True) as terminal:
        code, _, said = terminal.end()
    assert code == 0, said
    return [line for line in said.splitlines() if not line.startswith(("==>", "    ", "warning:"))]


def test_a_terminal_shows_the_first_and_the_last_predictions(boston: CommandLine) -> None:
    every = boston("predict").stdout.splitlines()
    left_out = "… 92 lines left out: `--to FILE` or a pipe gets them all"
    assert shown(boston) == [*every[:5], left_out, *every[-5:]]
    assert shown(boston, "--to", "all.txt") == []
    assert (boston.folder / "all.txt").read_text().splitlines() == every


@pytest.mark.parametrize("count", [3, 5, 11])
def test_a_terminal_shows_every_prediction_when_they_are_few(boston: CommandLine, count: int) -> None:
    with_labels(boston).drop(columns=["id", "target"])[:count].to_csv(boston.folder / "few.csv", index=False)
    assert shown(boston, "few.csv") == boston("predict", "few.csv").stdout.splitlines()


def test_two_lines_are_the_fewest_that_a_terminal_leaves_out(boston: CommandLine) -> None:
    with_labels(boston).drop(columns=["id", "target"])[:12].to_csv(boston.folder / "more.csv", index=False)
    assert shown(boston, "more.csv")[5].startswith("… 2 lines left out: ")
