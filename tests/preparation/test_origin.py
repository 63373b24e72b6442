"""What schema.json records of the data's origin, and what counts as a change."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from lgbm_sm.config.keys import read
from lgbm_sm.config.sections import DataSection
from lgbm_sm.errors import DataError
from lgbm_sm.preparation.changes import Changes, changes_since
from lgbm_sm.preparation.schema import load_schema
from tests.preparation.data_project import DataProject

OWN = {"name": "mine", "file": "houses.csv", "target": "price"}


@pytest.fixture
def project(tmp_path: Path) -> DataProject:
    project = DataProject(tmp_path)
    project.write("houses.csv", table(60))
    project.prepare(**OWN)
    return project


def table(rows: int, more: int = 0) -> str:
    return "a,b,price\n" + "".join(f"{row % 7},{row % 5},{row + more}\n" for row in range(rows))


def changes(project: DataProject, objective: str = "regression", **section: Any) -> Changes:
    origin = load_schema(project.data).origin
    assert origin is not None
    return changes_since(origin, read(DataSection, {**OWN, **section}), objective, project.folder)


def test_the_digests_are_those_of_the_tables_bytes_and_of_the_row_positions(project: DataProject) -> None:
    origin = project.schema()["origin"]
    assert origin["table_sha256"] == hashlib.sha256((project.folder / "houses.csv").read_bytes()).hexdigest()
    assert origin["rows"] == 60
    rest, test = train_test_split(range(60), test_size=0.2, random_state=45)
    train, validation = train_test_split(rest, test_size=0.25, random_state=45)
    content = b"".join(b"%d\n" % len(rows) + np.array(rows, "<i8").tobytes() for rows in (train, validation, test))
    assert origin["split_sha256"] == hashlib.sha256(content).hexdigest()


def test_three_tables_have_one_digest_and_are_split_as_they_are(tmp_path: Path) -> None:
    project = DataProject(tmp_path)
    names = {split: project.write(f"{split}.csv", table(rows)) for split, rows in (("train", 9), ("validation", 4))}
    project.prepare(name="mine", files={**names, "test": project.write("test.csv", table(3, 1))}, target="price")
    origin = project.schema()["origin"]
    digests = [hashlib.sha256((tmp_path / f"{name}.csv").read_bytes()).hexdigest() for name in (*names, "test")]
    assert origin["table_sha256"] == hashlib.sha256("\n".join(digests).encode()).hexdigest()
    positions = (range(9), range(9, 13), range(13, 16))
    content = b"".join(b"%d\n" % len(rows) + np.array(rows, "<i8").tobytes() for rows in positions)
    assert origin["split_sha256"] == hashlib.sha256(content).hexdigest()


def test_the_fingerprint_is_that_of_the_canonical_json_and_an_edit_is_noticed(project: DataProject) -> None:
    document = project.schema()
    fingerprint = document.pop("fingerprint")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert fingerprint == hashlib.sha256(text.encode()).hexdigest()
    path = project.data / "schema/schema.json"
    path.write_text(path.read_text().replace('"a"', '"other"'))
    with pytest.raises(DataError, match="was edited: its content does not match its fingerprint") as caught:
        load_schema(project.data)
    assert caught.value.hint == "run `lgbm-sm prepare-data`"
    project.prepare(**OWN)
    assert project.schema()["fingerprint"] == fingerprint


def test_the_schema_is_the_same_wherever_the_table_lies(project: DataProject) -> None:
    before = (project.data / "schema/schema.json").read_bytes()
    project.prepare(**{**OWN, "file": str(project.folder / "houses.csv")})
    assert (project.data / "schema/schema.json").read_bytes() == before
    assert str(project.folder).encode() not in before


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"target": "b"}, 'data.target was "price", and is now "b"'),
        ({"drop": ["b"]}, 'data.drop was [], and is now ["b"]'),
        ({"test_size": 0.3}, "data.test_size was 0.2, and is now 0.3"),
        ({"random_state": 1}, "data.random_state was 45, and is now 1"),
        ({"file": None, "name": "boston"}, 'data.name was "mine", and is now "boston"'),
    ],
)
def test_a_setting_that_differs_is_a_change(section: dict[str, Any], sentence: str, project: DataProject) -> None:
    assert sentence in changes(project, **section).sentences


def test_another_objective_is_a_change_only_if_it_needs_classes(project: DataProject) -> None:
    assert changes(project, "mae") == changes(project, folder="elsewhere") == ([], "")
    [sentence] = changes(project, "multiclass").sentences
    assert sentence.endswith('(training.hyperparameters.objective) was "number", and is now "classes"')


def test_a_table_is_a_change_when_its_content_differs_and_not_when_it_was_touched(project: DataProject) -> None:
    path = project.folder / "houses.csv"
    os.utime(path, (1, 1))
    assert changes(project) == ([], "")
    path.write_text(table(60, 1))
    assert changes(project).sentences == ["houses.csv has changed since prepare-data"]
    (project.data / ".tables.json").unlink()
    assert changes(project).sentences == ["houses.csv has changed since prepare-data"]
    path.write_text(table(60))
    assert changes(project) == ([], "")
    path.unlink()
    assert changes(project).unknown == (
        "unknown whether houses.csv has changed since prepare-data: the file does not exist"
    )


def test_an_unchanged_table_is_not_read_again(project: DataProject) -> None:
    path = project.folder / "houses.csv"
    found = path.stat()
    path.write_bytes(path.read_bytes().replace(b"price", b"pricf"))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert changes(project) == ([], "")
