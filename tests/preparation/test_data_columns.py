"""The columns of a user's own table."""

import datetime as dt
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from lgbm_sm.config.sections import DataSection
from lgbm_sm.errors import DataError
from lgbm_sm.preparation.problems import Problems
from tests.preparation.data_project import DataProject

ROWS = 40
COLOURS = ["red", "blue", "red", None] * (ROWS // 4)


@pytest.fixture
def project(tmp_path: Path) -> DataProject:
    return DataProject(tmp_path)


def parquet(project: DataProject, **columns: Any) -> str:
    """Write a Parquet file of these columns, a row number and a target. Return its name."""
    rows = {"row": list(range(ROWS)), **columns, "y": [float(row) for row in range(ROWS)]}
    pa.parquet.write_table(pa.table(rows), project.folder / "t.parquet")
    return "t.parquet"


def cells(project: DataProject, position: int = 1) -> list[str]:
    """Return the cells of a feature in the files, in the order of the table."""
    return [row[position] for row in sorted(project.rows(), key=lambda row: int(row[0]))]


def feature(project: DataProject, name: str = "x") -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in project.schema()["features"] if one["name"] == name)
    return found


def test_text_has_sorted_levels_and_missing_cells_are_empty_when_a_parquet_is_prepared(project: DataProject) -> None:
    project.prepare(file=parquet(project, x=COLOURS), target="y")
    assert feature(project) == {"name": "x", "type": "categorical", "levels": ["blue", "red"]}
    assert cells(project) == [colour or "" for colour in COLOURS]
    assert any("x (2 categories)" in detail for detail in project.reports.details)


@pytest.mark.parametrize(
    "array",
    [
        pa.array(COLOURS, pa.large_string()),
        pa.array(COLOURS, pa.string_view()),
        pa.array(COLOURS).dictionary_encode(),
        pa.array([colour or "" for colour in COLOURS]),
        pa.Array.from_pandas(pd.Series(COLOURS, dtype="category")),
        pa.Array.from_pandas(pd.Series(COLOURS, dtype="string[pyarrow]")),
    ],
    ids=["large", "view", "dictionary", "empty text", "pandas category", "pandas string"],
)
def test_text_is_the_same_when_it_is_stored_otherwise(array: pa.Array, project: DataProject) -> None:
    project.prepare(file=parquet(project, x=array), target="y")
    assert feature(project)["levels"] == ["blue", "red"]
    assert cells(project) == [colour or "" for colour in COLOURS]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([1, None] * (ROWS // 2)), ["1", ""]),
        (pa.array([-3, 2**63 - 1] * (ROWS // 2)), ["-3", "9223372036854775807"]),
        (pa.array([0, 2**64 - 1] * (ROWS // 2), pa.uint64()), ["0", "18446744073709551615"]),
        (pa.array([1, 2] * (ROWS // 2), pa.int8()), ["1", "2"]),
        (pa.array([18.0, 0.1] * (ROWS // 2)), ["18.0", "0.1"]),
        (pa.array([float("nan"), 5e-324] * (ROWS // 2)), ["", "5e-324"]),
        (pa.array(np.array([0.1, 2.0] * (ROWS // 2), dtype=np.float32)), [repr(float(np.float32(0.1))), "2.0"]),
        (pa.array(np.array([0.5, 2.0] * (ROWS // 2), dtype=np.float16)), ["0.5", "2.0"]),
        (pa.array([decimal.Decimal("1.10"), None] * (ROWS // 2)), ["1.1", ""]),
        (pa.Array.from_pandas(pd.Series([1, None] * (ROWS // 2), dtype="Int64")), ["1", ""]),
        (pa.Array.from_pandas(pd.Series([1.5, None] * (ROWS // 2), dtype="Float64")), ["1.5", ""]),
    ],
)
def test_numbers_read_back_the_same_when_they_are_written(
    array: pa.Array, expected: list[str], project: DataProject
) -> None:
    project.prepare(file=parquet(project, x=array), target="y")
    assert feature(project) == {"name": "x", "type": "numeric"}
    assert cells(project) == expected * (ROWS // 2)


def test_digits_that_get_lost_are_warned_of_when_integers_are_beyond_float64(project: DataProject) -> None:
    project.prepare(file=parquet(project, x=[2**53 + row for row in range(ROWS)]), target="y")
    assert [warning for warning in project.reports.warnings if warning.startswith("x: integers beyond 2^53")]


def test_truth_values_become_text_levels_when_a_column_is_boolean(project: DataProject) -> None:
    project.prepare(file=parquet(project, x=[True, False, None, True] * (ROWS // 4)), target="y")
    assert feature(project)["levels"] == ["false", "true"]
    assert cells(project)[:4] == ["true", "false", "", "true"]


def test_words_for_truth_stay_as_they_are_when_they_come_from_csv(project: DataProject) -> None:
    lines = "".join(f"{row},{'true' if row % 2 else 'false'},{row / 2}\n" for row in range(ROWS))
    project.prepare(file=project.write("t.csv", "row,x,y\n" + lines), target="y")
    assert feature(project)["levels"] == ["false", "true"]


def test_numbers_are_levels_when_they_are_declared_categorical(project: DataProject) -> None:
    array = pa.array([10, 9, None, -1] * (ROWS // 4))
    project.prepare(file=parquet(project, x=array), target="y", categorical=["x"])
    assert feature(project) == {"name": "x", "type": "categorical", "levels": [-1, 9, 10]}
    assert cells(project)[:4] == ["10", "9", "", "-1"]


def test_any_text_survives_when_it_is_a_level(project: DataProject) -> None:
    levels = ["NA", "null", 'say "hi"', "a,b", "two\nlines", " spaced ", "süß", "#1", "'", "-"]
    project.prepare(file=parquet(project, x=levels * (ROWS // len(levels))), target="y")
    assert feature(project)["levels"] == sorted(levels)
    assert cells(project) == levels * (ROWS // len(levels))


def test_levels_are_known_when_they_occur_in_the_test_rows_only(project: DataProject) -> None:
    project.prepare(file=parquet(project, x=["usual"] * (ROWS - 1) + ["rare"]), target="y")
    assert feature(project)["levels"] == ["rare", "usual"]


TODAY = dt.date(2024, 5, 17)


@pytest.mark.parametrize(
    ("array", "message", "hint"),
    [
        (pa.array([TODAY] * ROWS), "dates or times", "data.dates={x: parts}"),
        (pa.array([dt.datetime(2024, 5, 17, 12, tzinfo=dt.UTC)] * ROWS), "dates or times", "data.dates={x: parts}"),
        (pa.array([dt.datetime.fromisoformat("2024-05-17T12:00")] * ROWS), "dates or times", "data.dates={x: parts}"),
        (pa.array([dt.time(12)] * ROWS), "dates or times", "data.dates={x: parts}"),
        (pa.array([dt.timedelta(3)] * ROWS), "dates or times", "data.dates={x: parts}"),
        (pa.array([f"2024-05-{row % 28 + 1:02}" for row in range(ROWS)]), "dates or times", "data.dates={x: parts}"),
        (pa.array([f"2024-05-17T12:{row:02}:00Z" for row in range(ROWS)]), "dates or times", "data.dates={x: parts}"),
        (pa.array([[1, 2]] * ROWS), "neither numbers nor text", "data.drop=[x]"),
        (pa.array([{"a": 1}] * ROWS), "neither numbers nor text", "data.drop=[x]"),
        (pa.array([b"a"] * ROWS), "neither numbers nor text", "data.drop=[x]"),
        (pa.array([None] * ROWS, pa.float64()), "only missing values", "data.drop=[x]"),
        (pa.array([None] * ROWS), "only missing values", "data.drop=[x]"),
        (pa.array([float("nan")] * ROWS), "only missing values", "data.drop=[x]"),
        (pa.array([f"id{row}" for row in range(ROWS)]), "40 different texts in 40 rows", "data.categorical=[x]"),
        (
            pa.array(["1", "2.5", "few", "4"] * (ROWS // 4)),
            "also text: 'few' (row 3 and 9 more)",
            "data.categorical=[x]",
        ),
        (pa.array(["a\rb"] * ROWS), "carriage return", "data.drop=[x]"),
        (pa.array(["a\0b"] * ROWS), "NUL", "data.drop=[x]"),
    ],
)
def test_a_column_is_refused_with_its_remedy_when_it_cannot_be_a_feature(
    array: pa.Array, message: str, hint: str, project: DataProject
) -> None:
    error = project.refusal(file=parquet(project, x=array), target="y")
    assert "column 'x'" in error.message
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize("text", ["2024-05-17", "2024-05-17 12:30:00", "12:30:00"])
def test_dates_are_refused_when_a_csv_has_them(text: str, project: DataProject) -> None:
    lines = "".join(f"{row},{text},{row / 2}\n" for row in range(ROWS))
    error = project.refusal(file=project.write("t.csv", "row,x,y\n" + lines), target="y")
    assert "column 'x' contains dates or times" in error.message


@pytest.mark.parametrize("texts", [[f"id{row}" for row in range(ROWS)], ["1", "2.5", "?", "4"] * (ROWS // 4)])
def test_text_is_taken_as_it_is_when_it_is_declared_categorical(texts: list[str], project: DataProject) -> None:
    project.prepare(file=parquet(project, x=texts), target="y", categorical=["x"])
    assert feature(project)["levels"] == sorted(set(texts))


def test_an_unusable_column_does_no_harm_when_it_is_dropped(project: DataProject) -> None:
    project.prepare(file=parquet(project, x=[TODAY] * ROWS), target="y", drop=["x"])
    assert [one["name"] for one in project.schema()["features"]] == ["row"]


def test_row_and_column_are_named_when_a_value_is_infinite(project: DataProject) -> None:
    values = [1.0] * ROWS
    values[2] = float("inf")
    values[6] = float("-inf")
    error = project.refusal(file=parquet(project, x=values), target="y")
    assert error.message == "column 'x' has infinite values in row 3, row 7"


def test_everything_wrong_is_said_at_once_when_several_columns_are(project: DataProject) -> None:
    columns = {"x": [TODAY] * ROWS, "z": pa.array([None] * ROWS), "w": [float("inf")] * ROWS}
    error = project.refusal("binary", file=parquet(project, **columns), target="y")
    assert [line.split("'")[1] for line in error.message.splitlines()] == ["x", "z", "w", "y"]
    assert "row 5 and 35 more" in error.message


def test_levels_are_refused_when_float64_cannot_tell_them_apart(project: DataProject) -> None:
    values = [2**53 + row % 3 for row in range(ROWS)]
    error = project.refusal(file=parquet(project, x=values), target="y", categorical=["x"])
    assert "differ only beyond 2^53" in error.message


def test_the_remedy_is_one_list_to_copy_when_columns_are_dropped_already(project: DataProject) -> None:
    columns = {
        "no": [1] * ROWS,
        "day": [TODAY] * ROWS,
        "a b": pa.array([None] * ROWS),
        "x": [f"id{row}" for row in range(ROWS)],
    }
    error = project.refusal(file=parquet(project, **columns), target="y", drop=["no", 0], categorical=["day"])
    assert error.hint.splitlines()[-2:] == [
        """leave out: --set 'data.drop=["no", 0, day, "a b", x]'""",
        "treat as categories: --set 'data.categorical=[day, x]'",
    ]


def texts(different: int, rows: int) -> list[str]:
    return [f"t{row % different}x" for row in range(rows)]


@pytest.mark.parametrize(
    ("different", "rows", "is_refused"), [(20, 20, False), (21, 21, True), (21, 24, False), (23, 25, True)]
)
def test_more_than_20_texts_are_an_identifier_when_nine_in_ten_rows_have_their_own(
    different: int, rows: int, is_refused: bool, project: DataProject
) -> None:
    columns = {"x": texts(different, rows), "y": [float(row) for row in range(rows)]}
    pa.parquet.write_table(pa.table(columns), project.folder / "t.parquet")
    if is_refused:
        error = project.refusal(file="t.parquet", target="y")
        assert f"column 'x' has {different} different texts in {rows} rows, like an identifier" in error.message
    else:
        project.prepare(file="t.parquet", target="y")
        assert len(feature(project)["levels"]) == different


def test_text_is_categories_when_half_of_it_is_numbers(project: DataProject) -> None:
    project.prepare(file=parquet(project, x=["1", "2", "a", "b"] * (ROWS // 4)), target="y")
    assert feature(project)["levels"] == ["1", "2", "a", "b"]


@pytest.mark.parametrize(
    ("extreme", "is_warned"), [(2**53, False), (2**53 + 1, True), (-(2**53), False), (-(2**53) - 1, True)]
)
def test_integers_are_warned_of_when_float64_is_not_exact(extreme: int, is_warned: bool, project: DataProject) -> None:
    project.prepare(file=parquet(project, x=[*range(ROWS - 1), extreme]), target="y")
    assert [warning.startswith("x: integers beyond 2^53") for warning in project.reports.warnings] == [True] * is_warned


def test_each_problem_and_each_hint_has_its_own_line() -> None:
    problems = Problems(DataSection(drop=("id",), categorical=(0,)))
    problems.raise_if_any()
    problems.add("column 'a' is empty", "look at it", drop="a")
    problems.add("column 'no' is text", "look at it", keep="no")
    problems.add("column 3 has no name", "name it", drop=3)
    assert problems.text == ("column 'a' is empty; column 'no' is text; column 3 has no name; look at it; name it")
    with pytest.raises(DataError) as caught:
        problems.raise_if_any()
    assert caught.value.message == "column 'a' is empty\ncolumn 'no' is text\ncolumn 3 has no name"
    assert caught.value.hint == (
        "look at it\nname it\nleave out: --set 'data.drop=[id, a, 3]'\n"
        "treat as categories: --set 'data.categorical=[0, \"no\"]'"
    )
