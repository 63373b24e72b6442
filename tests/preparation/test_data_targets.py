"""The targets that fit each objective, and stratified splits."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.preparation.data_project import DataProject

WORDS = ["no", "yes", "no", "no"] * 10
THREE = ["b", "a", "c", "a"] * 10
NUMBERS = [row * 1.5 for row in range(40)]


@pytest.fixture
def project(tmp_path: Path) -> DataProject:
    return DataProject(tmp_path)


def table(project: DataProject, target: Sequence[object] | pa.Array) -> str:
    columns = pa.table({"row": list(range(len(target))), "y": target})
    pa.parquet.write_table(columns, project.folder / "t.parquet")
    return "t.parquet"


@pytest.mark.parametrize(
    ("objective", "target", "classes"),
    [
        ("regression", NUMBERS, None),
        ("rmse", NUMBERS, None),
        ("mae", NUMBERS, None),
        ("quantile", [-1, 2] * 20, None),
        ("poisson", [0, 1, 2, 3] * 10, None),
        ("gamma", [1, 2] * 20, None),
        ("tweedie", [0.0, 1.5] * 20, None),
        ("cross_entropy", [0.0, 0.25, 1.0, 0.5] * 10, None),
        ("xentlambda", [0, 1] * 20, None),
        ("binary", WORDS, ["no", "yes"]),
        ("binary", [1, 0] * 20, [0, 1]),
        ("binary", [1, -1] * 20, [-1, 1]),
        ("binary", [2.0, 1.0] * 20, [1.0, 2.0]),
        ("binary", [True, False] * 20, ["false", "true"]),
        ("multiclass", THREE, ["a", "b", "c"]),
        ("softmax", [3, 1, 2, 1] * 10, [1, 2, 3]),
        ("ova", WORDS, ["no", "yes"]),
    ],
)
def test_classes_are_listed_for_classifications_and_none_else_when_objective_and_target_suit(
    objective: str, target: list[object], classes: list[object] | None, project: DataProject
) -> None:
    project.prepare(objective, file=table(project, target), target="y")
    found = project.schema()["target"]["classes"]
    assert found == classes
    assert list(map(type, found or [])) == list(map(type, classes or []))
    cells = [row[-1] for row in project.rows("train", "validation", "test_target")]
    assert sorted(cells) == sorted(str(value).lower() if isinstance(value, bool) else str(value) for value in target)


@pytest.mark.parametrize(
    ("objective", "target", "message", "better"),
    [
        (
            "regression",
            WORDS,
            "the target 'y' has 2 different values ('no', 'yes'), but objective=regression predicts numbers",
            "binary",
        ),
        ("l1", THREE, "has 3 different values ('a', 'b', 'c')", "multiclass"),
        ("regression", [True, False] * 20, "has 2 different values ('false', 'true')", "binary"),
        ("xentropy", WORDS, "has 2 different values", "binary"),
        ("binary", THREE, "3 different values ('a', 'b', 'c'), but objective=binary predicts 2 classes", "multiclass"),
        (
            "binary",
            [1, 2, 3, 4] * 10,
            "the target 'y' has 4 different values (1, 2, 3, 4), but objective=binary predicts 2 classes",
            "multiclass",
        ),
        (
            "binary",
            NUMBERS,
            "the target 'y' is continuous (40 different numbers, 0.0 to 58.5), but objective=binary predicts classes",
            "regression",
        ),
        ("multiclass", NUMBERS, "is continuous", "regression"),
        ("multiclass", [0.5, 1.0] * 20, "is continuous", "regression"),
        (
            "gamma",
            [0, 1] * 20,
            "the target 'y' ranges from 0 to 1, but objective=gamma needs numbers above 0",
            "tweedie",
        ),
        ("gamma", [-1, 1] * 20, "needs numbers above 0", "regression"),
        ("poisson", [-1, 1] * 20, "needs numbers of at least 0", "regression"),
        ("tweedie", [0, 0] * 20, "not all of them 0", "regression"),
        ("cross_entropy", [0, -0.5] * 20, "needs probabilities from 0 to 1", "regression"),
        ("cross_entropy", [0, 2] * 20, "needs probabilities from 0 to 1", "regression"),
        ("lambdarank", NUMBERS, "objective=lambdarank needs query groups", "regression"),
        ("custom", NUMBERS, "objective=custom needs a custom function", "regression"),
    ],
)
def test_the_objective_that_suits_is_named_when_the_configured_one_does_not(
    objective: str, target: list[object], message: str, better: str, project: DataProject
) -> None:
    error = project.refusal(objective, file=table(project, target), target="y")
    assert message in error.message
    assert f"--set training.hyperparameters.objective={better}" in error.hint


def test_the_nearest_objective_is_suggested_when_there_is_none_of_the_name(project: DataProject) -> None:
    error = project.refusal("regresion", file=table(project, NUMBERS), target="y")
    assert error.message == "objective=regresion is not a LightGBM objective (did you mean regression?)"


def test_an_objective_that_would_be_refused_is_not_suggested(project: DataProject) -> None:
    for objective in ("rank_xendcgg", "custom_"):
        error = project.refusal(objective, file=table(project, NUMBERS), target="y")
        assert error.message == f"objective={objective} is not a LightGBM objective"


def test_rows_are_named_when_their_target_is_missing(project: DataProject) -> None:
    target = [None if row in (1, 4, 9, 12, 20, 30, 31) else float(row) for row in range(40)]
    error = project.refusal(file=table(project, target), target="y")
    assert error.message == (
        "the target 'y' is missing in 7 of 40 rows: row 2, row 5, row 10, row 13, row 21 and 2 more"
    )


@pytest.mark.parametrize(
    ("objective", "target", "message"),
    [
        ("binary", ["no"] * 40, "is 'no' in every row"),
        ("multiclass", [1] * 40, "is 1 in every row"),
        ("regression", [None] * 40, "contains only missing values"),
        ("regression", [[1]] * 40, "contains values that are neither"),
        ("regression", [float("inf"), 1.0] * 20, "has infinite values in row 1"),
        ("regression", [*map(str, NUMBERS[1:]), "few"], "also text: 'few' (row 40)"),
    ],
)
def test_a_target_is_refused_when_it_cannot_be_learned(
    objective: str, target: list[object], message: str, project: DataProject
) -> None:
    error = project.refusal(objective, file=table(project, target), target="y")
    assert message in error.message
    assert error.hint


def test_classes_are_proposed_when_a_regression_gets_two_numbers(project: DataProject) -> None:
    project.prepare(file=table(project, [0, 1] * 20), target="y")
    assert [warning for warning in project.reports.warnings if "always 0 or 1" in warning]


def test_codes_and_counts_are_told_when_the_target_has_classes(project: DataProject) -> None:
    project.prepare("binary", file=table(project, WORDS), target="y")
    assert "target y, classes and their codes: no = 0 (30 rows), yes = 1 (10 rows)" in project.reports.details


def test_every_split_has_the_proportions_of_the_table_when_the_objective_is_a_classification(
    project: DataProject,
) -> None:
    project.prepare("binary", file=table(project, ["rare" if row < 10 else "usual" for row in range(100)]), target="y")
    counts = [
        [row[-1] for row in project.rows(split)].count("rare") for split in ("train", "validation", "test_target")
    ]
    assert counts == [6, 2, 2]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (["a"] * 20 + ["b"] * 19 + ["c"], "class 'c' has 1 row: each class needs one row for each"),
        (["a"] * 36 + ["b"] * 2 + ["c"] * 2, "class 'b' has 2 rows, 'c' has 2 rows"),
        (list(range(40)), "class 0 has 1 row, 1 has 1 row, 2 has 1 row, 3 has 1 row, 4 has 1 row, and 35 more classes"),
        (
            [row * 10 // 45 for row in range(45)],
            "10 classes in 45 rows: the smallest split would get 9 rows, less than one",
        ),
        ([row // 4 for row in range(40)], "10 classes in 40 rows: the smallest split would get 8 rows, less than one"),
    ],
)
def test_classes_are_named_when_they_have_too_few_rows_to_split(
    target: list[object], message: str, project: DataProject
) -> None:
    error = project.refusal("multiclass", file=table(project, target), target="y")
    assert message in error.message
    assert "objective=regression" in error.hint


@pytest.mark.parametrize("test_size", [0.2, 0.5, 0.9])
def test_a_class_of_few_rows_is_learned_or_refused_when_shares_are_large(
    test_size: float, project: DataProject
) -> None:
    target = ["a"] * 200 + ["b"] * 4
    section = {"file": table(project, target), "target": "y", "test_size": test_size}
    if test_size < 0.9:
        project.prepare("binary", **section)
        assert {row[-1] for row in project.rows("train")} == {"a", "b"}
    else:
        assert "class 'b' has 4 rows" in project.refusal("binary", **section).message


def test_the_table_is_refused_when_it_has_too_few_rows_to_split(project: DataProject) -> None:
    error = project.refusal(file=table(project, [1.0, 2.0]), target="y")
    assert "too few rows (2)" in error.message


def test_a_class_is_refused_when_the_train_table_lacks_it(project: DataProject) -> None:
    files = {
        "train": project.write("a.csv", "n,y\n1,u\n2,v\n"),
        "validation": project.write("b.csv", "n,y\n1,u\n"),
        "test": project.write("c.csv", "n,y\n1,w\n"),
    }
    error = project.refusal("multiclass", files=files, target="y", name="mine")
    assert "class 'w' has 1 row: the train split has no such rows" in error.message


def test_the_smallest_split_is_the_validation_rows_when_their_share_is_the_smallest(project: DataProject) -> None:
    section = {"file": table(project, [row // 4 for row in range(40)]), "target": "y", "validation_size": 0.1}
    assert project.refusal("multiclass", **section).message == (
        "the target has 10 classes in 40 rows: the smallest split would get 4 rows, less than one for each class"
    )


@pytest.mark.parametrize("objective", ["binary", "multiclass"])
def test_zero_is_one_class_when_it_is_spelled_with_and_without_a_sign(objective: str, project: DataProject) -> None:
    cells = ["0.0", "-0.0", "1.0"] * 20
    table = project.write("t.csv", "a,y\n" + "".join(f"{row},{cell}\n" for row, cell in enumerate(cells)))
    project.prepare(objective, file=table, target="y")
    assert project.schema()["target"]["classes"] == [0.0, 1.0]


def test_zero_is_one_category_when_it_is_spelled_with_and_without_a_sign(project: DataProject) -> None:
    cells = ["0.0", "-0.0", "1.5"] * 20
    table = project.write("t.csv", "a,y\n" + "".join(f"{cell},{row}\n" for row, cell in enumerate(cells)))
    project.prepare(file=table, target="y", categorical=("a",))
    assert project.schema()["features"][0]["levels"] == [0.0, 1.5]
