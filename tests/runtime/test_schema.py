from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from lgbm_runtime.core.errors import SchemaError
from lgbm_runtime.core.schema import Schema

DOCUMENT: dict[str, Any] = {
    "format_version": 1,
    "dataset": "shop",
    "target": {"name": "bought", "classes": ["no", "yes"]},
    "features": [
        {"name": "age", "type": "numeric"},
        {"name": "colour", "type": "categorical", "levels": ["blue", "red"]},
        {"name": "size", "type": "categorical", "levels": [10, 20.5]},
    ],
    "splits": {},
}


def test_schema_is_read_from_its_document() -> None:
    schema = Schema.from_json(DOCUMENT)
    assert schema.feature_names == ["age", "colour", "size"]
    assert schema.width == 3
    assert schema.categorical_indices == [1, 2]
    assert schema.target_name == "bought"
    assert schema.classes == ("no", "yes")


def test_document_is_kept_for_the_metadata() -> None:
    assert Schema.from_json(DOCUMENT).to_json() == DOCUMENT


def test_code_of_a_level_is_its_position() -> None:
    features = Schema.from_json(DOCUMENT).features
    assert features[1].codes == {"blue": 0.0, "red": 1.0}
    assert features[2].codes == {10.0: 0.0, 20.5: 1.0}


def test_columns_are_numbered_when_nobody_names_them() -> None:
    schema = Schema.without_channel(2)
    assert schema.feature_names == ["Column_0", "Column_1"]
    assert schema.classes is None
    assert schema.to_json() is None


def test_columns_have_the_given_names_when_there_is_no_schema() -> None:
    schema = Schema.without_channel(2, ["a", "b"], "y")
    assert (schema.feature_names, schema.target_name) == (["a", "b"], "y")


@pytest.mark.parametrize(("width", "names"), [(2, ["a"]), (2, ["a", "a"]), (2, ["a", "target"])])
def test_names_are_refused_when_they_do_not_tell_columns_apart(width: int, names: list[str]) -> None:
    with pytest.raises(SchemaError):
        Schema.without_channel(width, names)


def change(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def apply(document: dict[str, Any]) -> None:
        place: Any = document
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in parents:
            place = place[part]
        place[last] = value

    return apply


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("format_version", 2, "format_version must be 1, got 2"),
        ("format_version", True, "format_version must be 1, got True"),
        ("features", [], "features must be"),
        ("features", {}, "features must be"),
        ("features.0", "age", r"features\[0\] is not a JSON object"),
        ("features.0.name", "", r"features\[0\]\.name"),
        ("features.0.name", 3, r"features\[0\]\.name"),
        ("features.0.name", "colour", "column name 'colour' occurs twice"),
        ("features.0.name", "bought", "column name 'bought' occurs twice"),
        ("features.0.type", "date", r"features\[0\] \(age\)\.type must be numeric or categorical, got 'date'"),
        ("features.0.levels", [1], r"features\[0\] \(age\) is numeric but has levels"),
        ("features.1.levels", None, r"\(colour\)\.levels must be a list"),
        ("features.1.levels", "abc", r"\(colour\)\.levels must be a list"),
        ("features.1.levels", {"a": 0, "b": 1}, r"\(colour\)\.levels must be a list"),
        ("features.1.levels", ["a", 1], "all texts or all numbers"),
        ("features.1.levels", [True, False], "all texts or all numbers"),
        ("features.1.levels", ["a", "a"], "'a' occurs twice"),
        ("features.1.levels", [1, 1.0], "1.0 occurs twice"),
        ("features.1.levels", [2**53, 2**53 + 1], "occurs twice"),
        ("features.1.levels", [float("inf")], "not a finite number"),
        ("features.1.levels", [10**400], "not a finite number"),
        ("target", None, "target is not a JSON object"),
        ("target.name", None, "target.name"),
        ("target.classes", [], "target.classes must be a list"),
        ("target.classes", "yn", "target.classes must be a list"),
    ],
)
def test_broken_document_is_refused_naming_the_place(path: str, value: object, says: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    change(path, value)(document)
    with pytest.raises(SchemaError, match=says):
        Schema.from_json(document)


@pytest.mark.parametrize("document", [None, [], "text", 1])
def test_document_is_refused_when_it_is_no_object(document: object) -> None:
    with pytest.raises(SchemaError, match="the schema is not a JSON object"):
        Schema.from_json(document)
