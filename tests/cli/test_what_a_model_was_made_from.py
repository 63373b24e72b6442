"""Each step knows what the earlier ones made it from, and says so if that no longer fits."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CommandLine


def schema(lgbm_sm: CommandLine) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((lgbm_sm.folder / "data/schema/schema.json").read_text())
    return document


def trained_on(lgbm_sm: CommandLine) -> set[str]:
    """The data files that the last job's log names."""
    log = lgbm_sm("logs", "--training").stdout
    return {
        word.rstrip(",") for line in log.splitlines() if " rows, " in line for word in line.split() if ".csv" in word
    }


def numbers_table(path: Path, rows: int, seed: int = 1) -> None:
    lines = [f"{(index * 7 * seed) % 101},{(index * index) % 17},{index * seed}" for index in range(rows)]
    path.write_text("\n".join(["a,b,price", *lines]) + "\n")


@pytest.fixture
def own(lgbm_sm: CommandLine) -> CommandLine:
    """A project with a table of 60 rows, prepared."""
    numbers_table(lgbm_sm.folder / "houses.csv", 60)
    (lgbm_sm.folder / "config.yaml").write_text("data: {name: houses, file: houses.csv, target: price}\n")
    lgbm_sm("prepare-data")
    return lgbm_sm


def test_train_prepares_the_data_again_when_another_data_set_is_configured(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    trained = lgbm_sm("--set", "data.name=diabetes", "train")
    assert 'data.name was "boston", and is now "diabetes"' in trained.stderr
    assert "It is prepared again" in trained.stderr
    assert trained_on(lgbm_sm) == {"diabetes_train.csv", "diabetes_valid.csv"}


def test_train_prepares_the_data_again_when_a_setting_of_it_was_edited(own: CommandLine) -> None:
    own("train")
    config = own.folder / "config.yaml"
    config.write_text("data: {name: houses, file: houses.csv, target: price, drop: [b]}\n")
    assert 'data.drop was [], and is now ["b"]' in own("train").stderr
    assert [feature["name"] for feature in schema(own)["features"]] == ["a"]
    config.write_text("data: {name: houses, file: houses.csv, target: b, drop: [a]}\n")
    trained = own("train")
    assert 'data.target was "price", and is now "b"; data.drop was ["b"], and is now ["a"]' in trained.stderr
    assert schema(own)["target"]["name"] == "b"
    assert "prepared again" not in own("train").stderr


def test_train_prepares_the_data_again_when_the_objective_now_needs_classes(own: CommandLine) -> None:
    numbers_table(own.folder / "houses.csv", 60)
    text = (own.folder / "houses.csv").read_text().splitlines()
    rows = [f"{line.rpartition(',')[0]},{number % 2}" for number, line in enumerate(text[1:])]
    (own.folder / "houses.csv").write_text("\n".join([text[0], *rows]) + "\n")
    own("prepare-data")
    trained = own("train", "--set", "training.hyperparameters.objective=binary")
    assert (
        'the kind of target (training.hyperparameters.objective) was "number", and is now "classes"' in trained.stderr
    )
    assert schema(own)["target"]["classes"] == [0, 1]
    assert "prepared again" not in own("train", "--set", "training.hyperparameters.objective=binary").stderr


def test_train_prepares_the_data_again_when_the_table_has_changed_on_disk(own: CommandLine) -> None:
    assert "prepared again" not in own("train").stderr
    numbers_table(own.folder / "houses.csv", 80)
    trained = own("train")
    assert "houses.csv has changed since prepare-data. It is prepared again" in trained.stderr
    assert sum(file["rows"] for split, file in schema(own)["splits"].items() if split != "test_target") == 80


def test_train_uses_the_data_as_it_is_when_the_table_was_only_touched(own: CommandLine) -> None:
    os.utime(own.folder / "houses.csv", (1, 1))
    assert "prepared again" not in own("train").stderr


def test_train_says_that_the_table_is_unknown_when_it_is_gone(own: CommandLine) -> None:
    (own.folder / "houses.csv").unlink()
    assert "unknown whether houses.csv has changed since prepare-data" in own("train").stderr


@pytest.mark.parametrize("name", ["train/houses_train.csv", "test/houses_test.csv", "schema/schema.json"])
def test_train_refuses_to_replace_a_file_that_was_edited_by_hand(name: str, own: CommandLine) -> None:
    path = own.folder / "data" / name
    path.write_text(path.read_text().replace("5", "6", 1))
    edited = path.read_bytes()
    refused = own("train", "--set", "data.random_state=1", exit_code=4)
    assert str(path) in refused.stderr
    assert "hint: run `lgbm-sm prepare-data`" in refused.stderr
    assert path.read_bytes() == edited
    own("prepare-data", "--set", "data.random_state=1")
    own("train", "--set", "data.random_state=1")


def test_train_says_unknown_when_an_older_version_prepared_the_data(own: CommandLine) -> None:
    document = schema(own)
    del document["origin"], document["fingerprint"]
    (own.folder / "data/schema/schema.json").write_text(json.dumps(document))
    trained = own("train", "--set", "data.drop=[b]")
    assert "unknown whether the data in" in trained.stderr
    assert [feature["name"] for feature in schema(own)["features"]] == ["a", "b"]


def test_a_dry_run_writes_nothing_when_the_data_does_not_fit(own: CommandLine) -> None:
    before = {path: path.read_bytes() for path in own.folder.rglob("*") if path.is_file()}
    refused = own("train", "--dry-run", "--set", "data.random_state=1", exit_code=4)
    assert "data.random_state was 45, and is now 1" in refused.stderr
    assert {path: path.read_bytes() for path in own.folder.rglob("*") if path.is_file()} == before


def test_the_digests_are_those_of_the_tables_bytes_and_of_the_row_positions(own: CommandLine) -> None:
    import hashlib

    import numpy as np
    from sklearn.model_selection import train_test_split

    origin = schema(own)["origin"]
    assert origin["table_sha256"] == hashlib.sha256((own.folder / "houses.csv").read_bytes()).hexdigest()
    rest, test = train_test_split(range(60), test_size=0.2, random_state=45)
    train, validation = train_test_split(rest, test_size=0.25, random_state=45)
    content = b"".join(
        b"%d\n" % len(rows) + np.array(rows, dtype="<i8").tobytes() for rows in (train, validation, test)
    )
    assert origin["split_sha256"] == hashlib.sha256(content).hexdigest()


def test_the_schema_has_no_path_of_this_machine(own: CommandLine) -> None:
    before = (own.folder / "data/schema/schema.json").read_bytes()
    own("prepare-data", "--set", f"data.file={own.folder / 'houses.csv'}")
    assert (own.folder / "data/schema/schema.json").read_bytes() == before
    assert str(own.folder).encode() not in before
