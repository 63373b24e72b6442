"""Tables after public reports: read, trained on, and served as they mean it, or refused with a setting that reads them.

Each file in `cases` was once read without an error, but wrong.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml

from tests.preparation.data_project import DataProject
from tests.preparation.served_model import ServedModel

CASES = Path(__file__).parent / "cases"


@pytest.fixture
def project(tmp_path: Path) -> DataProject:
    folder = tmp_path / "project"
    shutil.copytree(CASES, folder)
    return DataProject(folder)


def served(project: DataProject, objective: str = "regression") -> ServedModel:
    return ServedModel(project, project.folder / "root", objective)


def settings_in(hint: str) -> list[dict[str, Any]]:
    """The keys of the section data that each option in a hint sets."""
    options = re.findall(r"--set (?:'data\.(\w+)=([^']*)'|data\.(\w+)=(\w+))", hint)
    return [{key or plain_key: yaml.safe_load(value or plain)} for key, value, plain_key, plain in options]


@pytest.mark.parametrize(
    ("file", "target", "settings", "least_r2", "note"),
    [
        ("deccomma.csv", "price", {}, 0.99, "area: numbers, decimal comma (as categories: --set 'data.categorical="),
        ("thousands.csv", "price", {"thousands": {"area": ","}}, 0.99, "area: numbers, a comma between thousands"),
        ("percent.csv", "price", {}, 0.99, "pct: numbers, percent, 21% is 21"),
        ("question_marks.csv", "rent", {}, 0.95, "area: numbers, missing: '?' (6 cells), '-' (4 cells)"),
    ],
)
def test_numbers_are_learned_from_as_they_are_spelled(
    file: str, target: str, settings: dict[str, Any], least_r2: float, note: str, project: DataProject
) -> None:
    project.prepare(file=file, target=target, **settings)
    assert all(feature["type"] == "numeric" for feature in project.schema()["features"])
    assert any(note in detail for detail in project.reports.details)
    assert served(project).r2(project) > least_r2


def test_each_setting_of_the_hint_reads_the_column_when_it_can_be_read_in_two_ways(project: DataProject) -> None:
    error = project.refusal(file="thousands.csv", target="price")
    assert error.message == "column 'area' can be read in two ways: 1,031 may be 1031 or 1.031"
    read = []
    for settings in settings_in(error.hint):
        project.prepare(file="thousands.csv", target="price", **settings)
        read.append(max(float(row[0]) for row in project.rows("train", "validation", "test")))
    assert read == [1040, 1.040]


def test_points_may_be_thousands_when_other_columns_have_decimal_commas(project: DataProject) -> None:
    rows = "".join(f"1.{number};{number}.5;{number},5\n" for number in range(100, 140))
    project.write("t.csv", "a;b;y\n" + rows)
    error = project.refusal(file="t.csv", target="y")
    assert error.message == "column 'a' can be read in two ways: 1.100 may be 1100 or 1.1"
    read = []
    for settings in settings_in(error.hint):
        project.prepare(file="t.csv", target="y", **settings)
        read.append(max(float(row[0]) for row in project.rows("train", "validation", "test")))
    assert read == [1139, 1.139]


def test_points_are_decimal_points_when_no_column_has_decimal_commas(project: DataProject) -> None:
    project.write("t.csv", "a;y\n" + "".join(f"1.{number};{number}.5\n" for number in range(100, 140)))
    project.prepare(file="t.csv", target="y")
    assert max(float(row[0]) for row in project.rows("train", "validation", "test")) == 1.139


@pytest.mark.parametrize("file", ["na_country.csv", "na_quoted.csv"])
def test_namibia_is_a_country(file: str, project: DataProject) -> None:
    project.prepare(file=file, target="y")
    assert project.schema()["features"][0]["levels"] == ["DE", "FR", "NA"]
    assert any("country: 'NA'" in detail and "is a category" in detail for detail in project.reports.details)
    model = served(project)
    assert model.answer("NA,0.4\nDE,0.4\n") == pytest.approx([9.04, 1.04], abs=0.3)
    assert model.unseen("NA,0.4\n") == ""
    assert model.unseen("US,0.4\n") == "unseen_categories=country:US"
    assert model.unseen(",0.4\n") == ""
    assert model.answer("US,0.4\n") == model.answer(",0.4\n")


def test_namibia_is_missing_when_the_setting_of_the_note_says_so(project: DataProject) -> None:
    project.prepare(file="na_country.csv", target="y")
    [note] = [detail for detail in project.reports.details if "country: 'NA'" in detail]
    [settings] = settings_in(note)
    project.prepare(file="na_country.csv", target="y", **settings)
    assert project.schema()["features"][0] == {
        "name": "country",
        "type": "categorical",
        "levels": ["DE", "FR"],
        "missing": ["NA"],
    }
    model = served(project)
    assert model.unseen("NA,0.4\n") == ""
    assert model.answer("NA,0.4\n") == model.answer(",0.4\n")


def test_the_dates_of_the_usa_are_dates_and_the_settings_of_the_hint_make_numbers_of_them(project: DataProject) -> None:
    error = project.refusal(file="usdate.csv", target="y")
    assert "column 'when' contains dates or times, as text ('01/01/2020', month/day/year)" in error.message
    names = []
    for settings in settings_in(error.hint):
        project.prepare(file="usdate.csv", target="y", **settings)
        names.append([feature["name"] for feature in project.schema()["features"]])
    assert names == [
        ["when", "k"],
        ["when_year", "when_month", "when_day", "when_weekday", "k"],
        ["k"],
    ]


def test_booleans_mean_the_same_in_each_spelling_and_format(project: DataProject) -> None:
    table = pa.csv.read_csv(CASES / "bool.csv", convert_options=pa.csv.ConvertOptions(column_types={"b": pa.bool_()}))
    pa.parquet.write_table(table, project.folder / "bool.parquet")
    answers = []
    for file in ("bool.csv", "bool.parquet"):
        project.prepare("binary", file=file, target="y")
        assert project.schema()["features"][0]["levels"] == ["false", "true"]
        assert project.schema()["target"]["classes"] == ["false", "true"]
        shutil.rmtree(project.folder / "root", ignore_errors=True)
        model = served(project, "binary")
        answers.append(model.answer("[[true,0.5],[false,0.5]]", "application/json"))
        answers += map(model.answer, ("true,0.5\nfalse,0.5\n", "True,0.5\nFalse,0.5\n", "TRUE,0.5\nFALSE,0.5\n"))
    assert answers == [answers[0]] * 8
    assert answers[0][0] != answers[0][1]


def test_integers_are_categories_when_pandas_said_so(project: DataProject) -> None:
    project.prepare(file="catint.parquet", target="y")
    assert project.schema()["features"][-1] == {"name": "c", "type": "categorical", "levels": [1, 2, 3]}
    [note] = [detail for detail in project.reports.details if detail.startswith("c: categories of numbers")]
    [settings] = settings_in(note)
    project.prepare(file="catint.parquet", target="y", **settings)
    assert project.schema()["features"][-1] == {"name": "c", "type": "numeric"}


def test_integers_are_categories_when_arrow_said_so(project: DataProject) -> None:
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 20), pa.array([7, 9]))
    pa.parquet.write_table(pa.table({"c": codes, "y": [0.5] * 20 + [1.5] * 20}), project.folder / "t.parquet")
    project.prepare(file="t.parquet", target="y")
    assert project.schema()["features"] == [{"name": "c", "type": "categorical", "levels": [7, 9]}]


@pytest.mark.parametrize(
    ("file", "names"), [("sep.csv", ["a", "k"]), ("tab.csv", ["a", "k"]), ("utf16.csv", ["a", "städt"])]
)
def test_a_table_is_read_when_its_separator_or_encoding_is_another_one(
    file: str, names: list[str], project: DataProject
) -> None:
    project.prepare(file=file, target="y")
    assert [feature["name"] for feature in project.schema()["features"]] == names
    assert len(project.rows()) == 300
