"""Target, dropped and categorical columns by name and position, and split tables."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.preparation.data_project import DataProject

ROWS = 20


@pytest.fixture
def project(tmp_path: Path) -> DataProject:
    return DataProject(tmp_path)


def table(header: str = "a,b,c,price", rows: int = ROWS) -> str:
    """Return a CSV table. The cell in column i has the value row + i / 10."""
    width = header.count(",") + 1
    lines = [",".join(str(row + position / 10) for position in range(width)) for row in range(rows)]
    return "\n".join([header, *lines]) + "\n"


def headerless(project: DataProject) -> str:
    return project.write("t.csv", table().partition("\n")[2])


def names(project: DataProject) -> list[str]:
    document = project.schema()
    return [*(feature["name"] for feature in document["features"]), document["target"]["name"]]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("price", ["a", "b", "c", "price"]),
        (-1, ["a", "b", "c", "price"]),
        ("a", ["b", "c", "price", "a"]),
        (1, ["a", "c", "price", "b"]),
        (-2, ["a", "b", "price", "c"]),
    ],
)
def test_the_target_stands_last_when_it_is_named_or_counted(
    target: str | int, expected: list[str], project: DataProject
) -> None:
    project.prepare(file=project.write("t.csv", table()), target=target)
    assert names(project) == expected
    order = ["abcp".index(name[0]) for name in expected]
    for row in project.rows("train", "validation"):
        assert [round(float(cell) % 1 * 10) for cell in row] == order


def test_the_files_get_the_configured_name_when_the_table_is_the_users(project: DataProject) -> None:
    project.prepare(file=project.write("sub/t.csv", table()), target="price", name="houses-2.1", folder="out")
    assert sorted(path.name for path in (project.folder / "out").rglob("*.csv")) == [
        "houses-2.1_test.csv",
        "houses-2.1_test_target.csv",
        "houses-2.1_train.csv",
        "houses-2.1_valid.csv",
    ]


def test_the_name_is_warned_of_when_it_is_that_of_a_shipped_data_set(project: DataProject) -> None:
    project.prepare(file=project.write("t.csv", table()), target="price", name="boston")
    assert project.reports.warnings == [
        "your files are named boston_… like those of the built-in data set: set data.name"
    ]


def test_the_last_column_is_the_target_when_there_are_no_names(project: DataProject) -> None:
    project.prepare(file=headerless(project))
    assert names(project) == ["Column_0", "Column_1", "Column_2", "target"]


@pytest.mark.parametrize(("drop", "categorical"), [([0], [-2]), (["Column_0"], ["Column_2"])])
def test_positions_and_made_names_are_known_when_there_are_no_names(
    drop: list[Any], categorical: list[Any], project: DataProject
) -> None:
    project.prepare(file=headerless(project), target=1, drop=drop, categorical=categorical)
    assert names(project) == ["Column_2", "Column_3", "target"]
    assert [feature["type"] for feature in project.schema()["features"]] == ["categorical", "numeric"]


def test_the_columns_are_listed_when_no_target_is_given_for_a_table_with_names(project: DataProject) -> None:
    error = project.refusal(file=project.write("t.csv", table()))
    assert error.message == "no target column is set; the columns are a, b, c, price"
    assert "--set data.target=" in error.hint


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"target": "Price"}, "data.target: 'Price' is not a column of the table (did you mean 'price'?)"),
        ({"target": 4}, "data.target: column 4 does not exist: the table has 4 columns"),
        ({"target": -5}, "data.target: column -5 does not exist: the table has 4 columns"),
        (
            {"target": "price", "drop": ["prize"]},
            "data.drop: 'prize' is not a column of the table (did you mean 'price'?)",
        ),
        ({"target": "price", "categorical": ["zzz"]}, "data.categorical: 'zzz' is not a column of the table"),
        ({"target": "price", "drop": [-1]}, "data.drop includes 'price', which is the target"),
        ({"target": "price", "categorical": ["price"]}, "data.categorical includes 'price', which is the target"),
        ({"target": "price", "categorical": ["a"], "drop": [0]}, "data.drop and data.categorical both include 'a'"),
        ({"target": "price", "drop": ["a", "b", "c"]}, "no column is left to learn from"),
    ],
)
def test_a_role_is_refused_when_it_does_not_fit_the_table(
    section: dict[str, Any], message: str, project: DataProject
) -> None:
    error = project.refusal(file=project.write("t.csv", table()), **section)
    assert error.message == message
    assert error.hint


def test_all_unknown_columns_are_named_at_once_when_there_are_several(project: DataProject) -> None:
    error = project.refusal(file=project.write("t.csv", table()), target="x", drop=["y", 9], categorical=["z"])
    assert len(error.message.splitlines()) == 4


@pytest.mark.parametrize(
    ("header", "message", "hint"),
    [
        (",b,c,price", "column 0 has no name: it may be a row index", "data.drop=[0]"),
        ("Unnamed: 0,b,c,price", "column 0 has no name: it may be a row index", "data.drop=[0]"),
        ("a,b,a,price", "columns 0, 2 have the same name 'a'", "data.drop=[2]"),
        ("price,b,c,price", "columns 0, 3 have the same name 'price'", "data.drop=[3]"),
    ],
)
def test_names_are_refused_when_columns_share_them_or_have_none(
    header: str, message: str, hint: str, project: DataProject
) -> None:
    error = project.refusal(file=project.write("t.csv", table(header)), target=-1)
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize("header", [",b,c,price", "b,b,c,price"])
def test_columns_without_names_of_their_own_do_no_harm_when_they_are_dropped(header: str, project: DataProject) -> None:
    project.prepare(file=project.write("t.csv", table(header)), target="price", drop=[0])
    assert names(project) == ["b", "c", "price"]


@pytest.mark.parametrize(("target", "name"), [(-4, "a"), (0, "a"), (3, "price"), (-1, "price")])
def test_positions_reach_from_the_first_column_to_the_last(target: int, name: str, project: DataProject) -> None:
    project.prepare(file=project.write("t.csv", table()), target=target)
    assert project.schema()["target"]["name"] == name


def test_a_table_is_refused_when_it_lies_where_files_are_written(project: DataProject) -> None:
    error = project.refusal(file=project.write("data/train/mine_train.csv", table()), target="price")
    assert "in a folder that prepare-data writes to" in error.message


def three(project: DataProject, **texts: str) -> dict[str, str]:
    defaults = {"train": table(rows=10), "validation": table(rows=4), "test": table(rows=3)}
    return {name: project.write(f"{name}.csv", text) for name, text in {**defaults, **texts}.items()}


def test_rows_keep_their_split_and_order_when_three_tables_are_given(project: DataProject) -> None:
    project.prepare(files=three(project), target="price", name="mine")
    for split, count in (("train", 10), ("validation", 4), ("test", 3)):
        assert [row[0] for row in project.rows(split)] == [f"{row}.0" for row in range(count)]
    assert project.rows("test_target") == [["0.3"], ["1.3"], ["2.3"]]


def test_columns_are_matched_by_name_when_three_tables_order_them_otherwise(project: DataProject) -> None:
    other = "price,a,c,b\n0.3,0.0,0.2,0.1\n1.3,1.0,1.2,1.1\n"
    project.prepare(files=three(project, validation=other), target="price", name="mine")
    assert project.rows("validation") == [["0.0", "0.1", "0.2", "0.3"], ["1.0", "1.1", "1.2", "1.3"]]


def test_levels_come_from_all_three_tables_when_text_differs(project: DataProject) -> None:
    files = {}
    for name, colour in (("train", "red"), ("validation", "blue"), ("test", "green")):
        pd.DataFrame({"x": pd.Categorical([colour] * 3), "n": [1, 2, 3], "y": [1.5, 2.5, 3.5]}).to_parquet(
            project.folder / f"{name}.parquet"
        )
        files[name] = f"{name}.parquet"
    project.prepare(files=files, target="y", name="mine")
    assert project.schema()["features"][0]["levels"] == ["blue", "green", "red"]


def test_a_column_may_be_whole_numbers_or_empty_in_one_table_when_another_has_fractions(project: DataProject) -> None:
    texts = {"train": "a,b,y\n1,,1\n2,,2\n", "validation": "a,b,y\n1.5,x,1\n", "test": "a,b,y\n,x,1\n"}
    project.prepare(files=three(project, **texts), target="y", name="mine")
    assert project.rows("train") == [["1.0", "", "1"], ["2.0", "", "2"]]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"test": table("a,b,c,prize", 3)}, "test.csv lacks 'price'; test.csv also has 'prize'"),
        ({"test": table("a,b,price", 3)}, "test.csv lacks 'c'"),
        ({"test": table(rows=3).partition("\n")[2]}, "train.csv has a header, test.csv does not"),
        (
            {
                "train": "a,a,b,price\n1,2,3,4\n",
                "test": "a,b,b,price\n1,2,3,4\n",
                "validation": "a,a,b,price\n1,2,3,4\n",
            },
            "test.csv and train.csv have different columns: a column occurs more often in one of them",
        ),
        ({"test": "a,b,c,price\nx,1,2,3\n"}, "column 'a' contains numbers in train.csv, but text in test.csv"),
        ({"test": "a,b,c,price\n0,1,2,\n1,1,1,1\n"}, "is missing in 1 of 16 rows: row 1 of test.csv"),
        (
            {"validation": "a,b,c,price\n0,1,2,3\n0,inf,2,3\n"},
            "column 'b' has infinite values in row 2 of validation.csv",
        ),
    ],
)
def test_three_tables_are_refused_when_they_disagree(texts: dict[str, str], message: str, project: DataProject) -> None:
    assert message in project.refusal(files=three(project, **texts), target="price", name="mine").message


def test_columns_of_the_same_name_may_be_left_out_of_three_tables(project: DataProject) -> None:
    files = three(project, **{name: table("a,b,a,price", 6) for name in ("train", "validation", "test")})
    project.prepare(files=files, target="price", drop=[0, 2], name="mine")
    assert names(project) == ["b", "price"]


def test_columns_of_the_same_name_are_refused_when_their_order_differs(project: DataProject) -> None:
    files = three(
        project, train="a,b,a,price\n1,2,3,4\n", validation="b,a,a,price\n2,1,3,4\n", test="a,b,a,price\n1,2,3,4\n"
    )
    refused = project.refusal(files=files, target="price", drop=[0, 2], name="mine")
    assert "validation.csv and train.csv: some column names occur twice, and the order of the columns differs" in str(
        refused
    )


def test_three_tables_are_matched_by_position_when_none_has_names(project: DataProject) -> None:
    files = three(project, **{name: table(rows=3).partition("\n")[2] for name in ("train", "validation", "test")})
    project.prepare(files=files, name="mine")
    assert names(project) == ["Column_0", "Column_1", "Column_2", "target"]


def test_three_tables_are_refused_when_their_widths_differ_and_none_has_names(project: DataProject) -> None:
    files = three(project, train="1,2,3\n4,5,6\n", validation="1,2,3\n4,5,6\n", test="1,2\n3,4\n")
    assert "have 2 and 3 columns" in project.refusal(files=files, name="mine").message
