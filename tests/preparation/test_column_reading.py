"""What is said about a column that is not spelled as a program would, and the settings that read it otherwise."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lgbm_sm.errors import DataError
from tests.preparation.data_project import DataProject
from tests.preparation.test_table_cases import settings_in

ROWS = 40


@pytest.fixture
def project(tmp_path: Path) -> DataProject:
    return DataProject(tmp_path)


def table(project: DataProject, cells: Sequence[str], target: Sequence[str] = ()) -> str:
    """Columns of a row number, these cells, again and again, and a target; the separator is a tab."""
    targets = target or [str(row / 2) for row in range(ROWS)]
    lines = [f"{row}.5\t{cells[row % len(cells)]}\t{targets[row % len(targets)]}\n" for row in range(ROWS)]
    return project.write("t.tsv", "row\tx\ty\n" + "".join(lines))


def column(project: DataProject) -> list[str]:
    """The cells of x, in the order of the table."""
    rows = project.rows("train", "validation", "test")
    return [row[1] for row in sorted(rows, key=lambda row: float(row[0]))]


@pytest.mark.parametrize(
    ("cells", "numbers", "note"),
    [
        (["1,5", "2"], ["1.5", "2.0"], "x: numbers, decimal comma (as categories: --set 'data.categorical=[x]')"),
        (["1,234.5", "2"], ["1234.5", "2.0"], "x: numbers, a comma between thousands"),
        (["1.234,5", "2"], ["1234.5", "2.0"], "x: numbers, decimal comma, a dot between thousands"),
        (["1 234", "2"], ["1234", "2"], "x: numbers, a space between thousands"),
        (["1\u00a0234", "2"], ["1234", "2"], "x: numbers, a space between thousands"),
        (["1\u202f234,5", "2"], ["1234.5", "2.0"], "x: numbers, decimal comma, a space between thousands"),
        (["1'234", "2"], ["1234", "2"], "x: numbers, an apostrophe between thousands"),
        (["$1,234.50", "-$2"], ["1234.5", "-2.0"], "x: numbers, a comma between thousands, with $"),
        (["5 EUR", "7 EUR"], ["5", "7"], "x: numbers, with EUR"),
        (["€ 5", "€7"], ["5", "7"], "x: numbers, with €"),
        (["21%", "7 %"], ["21", "7"], "x: numbers, percent, 21% is 21"),
        (["(12)", "3"], ["-12", "3"], "x: numbers, (12) is -12 (as categories"),
        (["3", "12-"], ["3", "-12"], "x: numbers, 12- is -12 (as categories"),
        (["\u221212", "3"], ["-12", "3"], "x: numbers, from text"),
        (["20260131", "20251201"], ["20260131", "20251201"], "from 20251201 to 20260131, like dates, are kept"),
        (["20261301", "20251201"], ["20261301", "20251201"], None),
        (["20260132", "20251201"], ["20260132", "20251201"], None),
        (["1.5", "?"], ["1.5", ""], "x: numbers, missing: '?' (20 cells) (as categories: --set 'data.categ"),
        (["1", "#DIV/0!", "2", "n/a"], ["1", "", "2", ""], "missing: '#DIV/0!' (10 cells), 'n/a' (10 cells)"),
        (["1.5", "NaN"], ["1.5", ""], "x: numbers, missing: 'NaN' (20 cells)"),
    ],
)
def test_numbers_are_read_as_they_are_spelled_and_what_was_decided_is_said(
    cells: list[str], numbers: list[str], note: str, project: DataProject
) -> None:
    project.prepare(file=table(project, cells), target="y")
    assert column(project) == numbers * (ROWS // len(numbers))
    said = [detail for detail in project.reports.details if detail.startswith("x: ")]
    assert [note in one for one in said] == [True] if note else said == []


@pytest.mark.parametrize("cells", [["1", "2", "3"], ["1.5", "2.5"], ["a", "b"], ["1", "", "3"]])
def test_nothing_is_said_of_a_column_when_nothing_was_decided(cells: list[str], project: DataProject) -> None:
    project.prepare(file=table(project, cells), target="y")
    assert not [detail for detail in project.reports.details if detail.startswith("x: ")]


@pytest.mark.parametrize(
    ("cells", "message", "readings"),
    [
        (["1.5", "2", "3", "few"], "contains numbers, but also text: 'few' (row 4 and 9 more)", [["1.5", ""], ["few"]]),
        (["1", "2", "3", "4", "inf"], "has infinite values in row 5, row 10", [["1.0", ""]]),
        (
            [*map(str, range(990, 1010)), "0999"],
            "contains numbers, but also 1 one with a leading zero, like a code: '0999' (row 21)",
            [["0999", "1000"], ["999", "1000"]],
        ),
        (["$5", "€6"], "contains several currencies ('$5', '€6')", [["$5", "€6"]]),
        (["5%", "6"], "contains numbers with % and without ('5%', '6')", [["5%", "6"]]),
    ],
)
def test_a_column_of_numbers_with_odd_cells_is_refused_and_each_setting_of_the_hint_reads_it(
    cells: list[str], message: str, readings: list[list[str]], project: DataProject
) -> None:
    file = table(project, cells)
    error = project.refusal(file=file, target="y")
    assert f"column 'x' {message}" in error.message
    settings = settings_in(error.hint)
    assert len(settings) == len(readings)
    for setting, reading in zip(settings, readings, strict=True):
        project.prepare(file=file, target="y", **setting)
        assert set(reading) <= set(column(project))


def test_the_odd_cells_are_refused_by_row_when_the_column_must_be_numeric(project: DataProject) -> None:
    file = table(project, ["1", "a", "b", "c", "d"])
    error = project.refusal(file=file, target="y", numeric=["x"])
    assert "column 'x' is in data.numeric, but contains: 'a' (row 2 and 7 more), 'b' (row 3" in error.message
    assert "… (4 different ones)" in error.message
    [settings] = settings_in(error.hint)
    project.prepare(file=file, target="y", numeric=["x"], **settings)
    assert set(column(project)) == {"1", ""}


def test_leading_zeros_are_kept_and_said_and_the_setting_makes_numbers_of_them(project: DataProject) -> None:
    file = table(project, ["01", "1", "001"])
    project.prepare(file=file, target="y")
    assert set(column(project)) == {"01", "1", "001"}
    [note] = [detail for detail in project.reports.details if detail.startswith("x: text, since '01' has a leading")]
    project.prepare(file=file, target="y", **settings_in(note)[0])
    assert set(column(project)) == {"1"}


def test_a_sentinel_is_named_and_the_setting_makes_it_missing(project: DataProject) -> None:
    file = table(project, ["1.5", "2.5", "3.5", "-999"])
    project.prepare(file=file, target="y")
    [warning] = project.reports.warnings
    assert warning.startswith("x: -999 (10 cells) is far from all other values (1.5 to 3.5), and is kept as a number (")
    project.prepare(file=file, target="y", **settings_in(warning)[0])
    assert set(column(project)) == {"1.5", "2.5", "3.5", ""}
    assert project.schema()["features"][1]["missing"] == ["-999"]


@pytest.mark.parametrize("cells", [["-1", "0", "1", "2"], ["990", "995", "999"], ["-999", "-800", "-10"]])
def test_no_sentinel_is_named_when_it_is_near_other_values(cells: list[str], project: DataProject) -> None:
    project.prepare(file=table(project, cells), target="y")
    assert project.reports.warnings == []


def test_seconds_since_1970_are_named(project: DataProject) -> None:
    project.prepare(file=table(project, ["1577836800", "1577923200", "1578009600"]), target="y")
    assert any(detail.startswith("x: whole numbers from 1577836800") for detail in project.reports.details)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["2020-01-31", "2020-02-01"], ""),
        (["2020-01-31 10:00", "2020-02-01T09:30:00Z"], "year-month-day"),
        (["2020/1/31", "2020/2/1"], "year-month-day"),
        (["01/31/2020", "02/01/2020"], "month/day/year"),
        (["31.1.2020", "1.2.2020"], "day/month/year"),
        (["31/01/2020", "01/02/2020"], "day/month/year"),
        (["31 Jan 2020", "1 Feb 2020"], "with the name of the month"),
        (["January 31, 2020", "February 1, 2020"], "with the name of the month"),
        (["2020-01-31", "?", "2020-02-01"], "year-month-day"),
    ],
)
def test_dates_become_days_or_parts_in_each_spelling(cells: list[str], words: str, project: DataProject) -> None:
    file = table(project, cells)
    assert "column 'x' contains dates or times" in project.refusal(file=file, target="y").message
    project.prepare(file=file, target="y", dates="ordinal")
    # datetime.date(2020, 1, 31) is 18292 days after 1970-01-01
    assert {cell.partition(".")[0] for cell in column(project)} - {""} == {"18292", "18293"}
    assert any(f"({words})" in detail or not words for detail in project.reports.details)
    project.prepare(file=file, target="y", dates={"x": "parts"})
    names = [feature["name"] for feature in project.schema()["features"]]
    assert names[1:5] == ["x_year", "x_month", "x_day", "x_weekday"]
    parts = {tuple(row[1:5]) for row in project.rows("train", "validation", "test")}
    assert parts >= {("2020", "1", "31", "4"), ("2020", "2", "1", "5")}  # Friday and Saturday


def test_dates_are_refused_when_the_day_may_be_first_or_second(project: DataProject) -> None:
    error = project.refusal(file=table(project, ["1/2/2020", "3/4/2020"]), target="y", dates="ordinal")
    assert error.message == "column 'x': 1/2/2020 may be month/day or day/month, in every row"


def test_dates_are_refused_by_row_when_they_do_not_exist(project: DataProject) -> None:
    error = project.refusal(file=table(project, ["1/31/2020", "2/31/2020"]), target="y", dates="ordinal")
    assert "column 'x' has dates that do not exist in row 2, row 4" in error.message


def test_rows_without_a_target_are_counted_and_left_out_when_the_setting_says_so(project: DataProject) -> None:
    file = table(project, ["1", "2"], target=["1.5", "2.5", "?", ""])
    error = project.refusal(file=file, target="y")
    assert error.message == (
        "the target 'y' is missing in 20 of 40 rows: row 3, row 4, row 7, row 8, row 11 and 15 more"
    )
    project.prepare(file=file, target="y", **settings_in(error.hint)[0])
    assert len(project.rows("train", "validation", "test_target")) == 20
    assert project.reports.warnings[:1] == [
        "40 rows read, 20 left out without a target (y), 20 kept (refuse them: --set data.drop_missing_target=false)"
    ]


def test_the_row_of_the_table_is_named_when_rows_before_it_were_left_out(project: DataProject) -> None:
    file = table(project, ["1", "2", "3", "inf"], target=["", "2.5"])
    error = project.refusal(file=file, target="y", drop_missing_target=True)
    assert error.message == "column 'x' has infinite values in row 4, row 8, row 12, row 16, row 20 and 5 more"


@pytest.mark.parametrize(
    ("target", "objective"),
    [
        (["1.5", "2.5", "few"], "regression"),
        (["01", "02", "03"], "regression"),
        (["1,031", "1,044"], "regression"),
        (["31.1.2020", "1.2.2020"], "regression"),
        (["true", "false"], "regression"),
        (["yes", "no", "NA"], "binary"),
        (["1.5", "2.5", "?"], "regression"),
    ],
)
def test_no_hint_for_a_target_ends_in_a_circle(target: list[str], objective: str, project: DataProject) -> None:
    file = table(project, ["1", "2"], target)
    chosen: dict[str, Any] = {}
    for _ in range(3):  # the last line of each hint is followed
        try:
            project.prepare(objective, file=file, target="y", **chosen)
            break
        except DataError as error:
            line = error.hint.splitlines()[-1]
            if "objective=" in line:
                objective = line.rpartition("=")[2]
            for setting in settings_in(line):
                chosen |= setting
    else:
        raise AssertionError(chosen)
    assert len(project.rows("train", "validation", "test_target")) <= ROWS


@pytest.mark.parametrize("key", ["missing", "decimal", "thousands", "dates"])
def test_a_column_that_does_not_exist_is_refused_in_each_setting(key: str, project: DataProject) -> None:
    values = {"missing": ["a"], "decimal": ",", "thousands": ",", "dates": "drop"}
    setting: dict[str, Any] = {key: {"xx": values[key]}}
    error = project.refusal(file=table(project, ["1"]), target="y", **setting)
    assert f"data.{key}: 'xx' is not a column of the table" in error.message


def test_a_setting_for_all_columns_reads_them_all_otherwise(project: DataProject) -> None:
    file = table(project, ["1.031", "950"], target=["1.500", "2,5"])
    project.prepare(file=file, target="y", decimal=",", drop=["row"])
    assert {tuple(row) for row in project.rows("train", "validation")} == {("1031", "1500.0"), ("950", "2.5")}


def test_hints_keep_what_is_set_already(project: DataProject) -> None:
    file = table(project, ["1", "2", "3", "few"], target=["1", "2", "3", "many"])
    error = project.refusal(file=file, target="y", missing={"row": ["9"]}, categorical=["row"])
    assert error.hint.splitlines() == [
        "count as missing: --set 'data.missing={row: [\"9\"], x: [few]}'",
        "count as missing (with --set data.drop_missing_target=true): --set 'data.missing={row: [\"9\"], y: [many]}'",
        "treat as categories: --set 'data.categorical=[row, x]'",
    ]


def three(project: DataProject, *tables: str) -> dict[str, str]:
    """The files of train, validation and test with the column x and a target."""
    names = ("train", "validation", "test")
    return {name: project.write(f"{name}.csv", "x,y\n" + text) for name, text in zip(names, tables, strict=True)}


@pytest.mark.parametrize(
    ("tables", "kind", "cells"),
    [
        (("1,1.5\n2,2\n", "3,1\n", "?,2\n"), "numeric", ["1", "2", "3", ""]),
        (("1.5,1\n2,2\n", "NA,1\n", "null,2\n"), "numeric", ["1.5", "2.0", "", ""]),
        (('"1,5",1\n"2,25",2\n', "3,1\n", "4,2\n"), "numeric", ["1.5", "2.25", "3.0", "4.0"]),
        (("01,1\n1,2\n", "1,1\n", "001,2\n"), "categorical", ["01", "1", "1", "001"]),
        (("10,1\n1,2\n", "1,1\n", "001,2\n"), "categorical", ["10", "1", "1", "001"]),
        (("true,1\nfalse,2\n", "TRUE,1\n", "False,2\n"), "categorical", ["true", "false", "true", "false"]),
    ],
)
def test_three_tables_are_read_as_one_when_their_spellings_differ(
    tables: tuple[str, str, str], kind: str, cells: list[str], project: DataProject
) -> None:
    project.prepare(files=three(project, *tables), target="y", name="mine")
    assert project.schema()["features"][0]["type"] == kind
    assert [row[0] for row in project.rows("train", "validation", "test")] == cells


def test_rows_without_a_target_are_left_out_of_each_of_three_tables(project: DataProject) -> None:
    files = three(project, "1,1.5\n2,\n3,2.5\n", ",NA\n4,1\n", "5,2\n6,3\n7,?\n")
    project.prepare(files=files, target="y", name="mine", drop_missing_target=True)
    assert [row[0] for row in project.rows("train", "validation", "test")] == ["1", "3", "4", "5", "6"]
    assert project.reports.warnings[0].startswith("8 rows read, 3 left out without a target (y), 5 kept")
    files = three(project, "1,1.5\n2,\n3,2.5\n", "4,1\n", "5,\ninf,3\n")
    error = project.refusal(files=files, target="y", name="mine", drop_missing_target=True)
    assert error.message == "column 'x' has infinite values in row 2 of test.csv"
