"""The content of the data folder after prepare-data, and its handling of existing files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.channel_files import locked
from lgbm_sm.preparation.schema import load_schema, training_channels, verify_split
from tests.preparation.data_project import DataProject


@pytest.fixture
def project(tmp_path: Path) -> DataProject:
    project = DataProject(tmp_path)
    project.prepare()
    return project


def times(project: DataProject) -> dict[str, int]:
    return {name: (project.data / name).stat().st_mtime_ns for name in project.listing()}


def test_nothing_is_written_again_when_nothing_changed(project: DataProject) -> None:
    for name in project.listing():
        os.utime(project.data / name, ns=(1, 1))
    prepared = project.prepare()
    assert not prepared.changed
    assert set(times(project).values()) == {1}


def test_only_the_files_that_differ_are_written_when_one_was_changed(project: DataProject) -> None:
    for name in project.listing():
        os.utime(project.data / name, ns=(1, 1))
    (project.data / "valid/boston_valid.csv").write_bytes(b"1,2\n")
    prepared = project.prepare()
    assert [file.split for file in prepared.files if file.changed] == ["validation"]
    assert [name for name, time in times(project).items() if time != 1] == ["valid/boston_valid.csv"]
    assert not prepared.schema_changed
    training_channels(project.data)


def test_the_schema_alone_is_written_when_it_alone_was_changed(project: DataProject) -> None:
    (project.data / "schema/schema.json").unlink()
    prepared = project.prepare()
    assert prepared.schema_changed
    assert [file.split for file in prepared.files if file.changed] == []
    training_channels(project.data)


def test_earlier_files_are_removed_when_the_data_set_changes(project: DataProject) -> None:
    prepared = project.prepare("multiclass", name="iris")
    assert project.listing() == [
        "schema/schema.json",
        "test/iris_test.csv",
        "test_target/iris_test_target.csv",
        "train/iris_train.csv",
        "valid/iris_valid.csv",
    ]
    assert [path.name for path in prepared.removed] == [
        "boston_test.csv",
        "boston_test_target.csv",
        "boston_train.csv",
        "boston_valid.csv",
    ]


@pytest.mark.parametrize("stray", ["train/more.csv", "valid/sub/more.csv", "schema/notes.txt"])
def test_a_stray_file_is_named_and_nothing_written_when_it_lies_in_a_channel_folder(
    stray: str, project: DataProject
) -> None:
    project.write(f"data/{stray}", "1,2\n")
    before = times(project)
    error = project.refusal("multiclass", name="iris")
    assert str(project.data / stray) in error.message
    assert times(project) == before
    with pytest.raises(DataError, match=str(project.data / stray)):
        training_channels(project.data)


@pytest.mark.parametrize("other", ["test/more.csv", "notes.txt", "train/.DS_Store", "valid/.ipynb_checkpoints/x.csv"])
def test_files_are_let_be_when_no_channel_reads_them(other: str, project: DataProject) -> None:
    project.write(f"data/{other}", "1,2\n")
    project.prepare("multiclass", name="iris")
    assert (project.data / other).is_file()
    training_channels(project.data)


@pytest.mark.parametrize("content", ["", "{}", '{"format_version": 2}', "[" * 10_000])
def test_earlier_files_are_strays_when_the_schema_that_lists_them_is_broken(content: str, project: DataProject) -> None:
    project.write("data/schema/schema.json", content)
    with pytest.raises(DataError, match="is not a schema") as caught:
        load_schema(project.data)
    assert "prepare-data" in caught.value.hint
    error = project.refusal("multiclass", name="iris")
    assert "boston_train.csv" in error.message
    project.prepare()
    training_channels(project.data)


def test_no_file_outside_is_removed_when_a_schema_was_made_by_hand(project: DataProject) -> None:
    outside = project.folder / "precious.csv"
    outside.touch()
    path = project.data / "schema/schema.json"
    path.write_text(path.read_text().replace("test/boston_test.csv", "test/../../precious.csv"))
    with pytest.raises(DataError, match="is not a schema"):
        load_schema(project.data)
    assert outside.exists()


def test_a_file_is_refused_when_it_is_not_the_one_of_the_schema(project: DataProject) -> None:
    schema = load_schema(project.data)
    path = project.data / "test/boston_test.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(DataError, match="has changed: its SHA-256") as caught:
        verify_split(project.data, schema, "test")
    assert "lgbm-sm prepare-data" in caught.value.hint
    path.unlink()
    with pytest.raises(DataError, match="is missing"):
        verify_split(project.data, schema, "test")
    (project.data / "train/boston_train.csv").unlink()
    with pytest.raises(DataError, match="is missing"):
        training_channels(project.data)


def test_a_schema_that_cannot_be_read_is_an_error_of_the_data(project: DataProject) -> None:
    path = project.data / "schema/schema.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match=r"schema\.json: Is a directory") as caught:
        training_channels(project.data)
    assert (caught.value.exit_code, caught.value.hint) == (4, "run `lgbm-sm prepare-data`")


def test_a_channel_file_that_cannot_be_read_is_an_error_of_the_data(project: DataProject) -> None:
    path = project.data / "train/boston_train.csv"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match=r"boston_train\.csv: Is a directory") as caught:
        training_channels(project.data)
    assert (caught.value.exit_code, caught.value.hint) == (4, "run `lgbm-sm prepare-data`")


@pytest.mark.parametrize("file", ["test/boston_test.csv", "training/boston_train.csv"])
def test_a_schema_that_names_a_file_outside_its_splits_folder_is_refused(file: str, project: DataProject) -> None:
    path = project.data / "schema/schema.json"
    path.write_text(path.read_text().replace("train/boston_train.csv", file))
    with pytest.raises(DataError, match=f"split train: {file} "):
        load_schema(project.data)


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ('["a", 1]', "all values must be text, or all numbers"),
        ("[1, 2.5, 1]", "1 occurs twice"),
        ('["a", "a"]', "'a' occurs twice"),
    ],
)
def test_a_schema_with_categories_that_cannot_be_told_apart_is_refused(
    levels: str, said: str, project: DataProject
) -> None:
    path = project.data / "schema/schema.json"
    document = json.loads(path.read_text())
    document["features"][0] |= {"type": "categorical", "levels": json.loads(levels)}
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=said):
        load_schema(project.data)


def test_the_data_folder_may_be_several_folders_deep(tmp_path: Path) -> None:
    DataProject(tmp_path).prepare(folder="work/today/data")
    assert (tmp_path / "work/today/data/schema/schema.json").is_file()
    assert set(training_channels(tmp_path / "work/today/data")) == {"train", "validation", "schema"}


def test_prepare_data_is_asked_for_when_there_is_no_schema(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no prepared data") as caught:
        training_channels(tmp_path)
    assert "lgbm-sm prepare-data" in caught.value.hint


def test_the_folder_is_named_when_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DataError, match=r"failed to write .*data: File exists"):
        DataProject(tmp_path).prepare()


def test_the_second_waits_and_then_gives_up_when_two_prepare_at_once(project: DataProject) -> None:
    code = (
        "import fcntl, os, sys, time; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)\n"
        "print('held', flush=True); time.sleep(1)"
    )
    command = [sys.executable, "-c", code, str(project.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(DataError, match="another prepare-data is writing"), locked(project.data, 0.1):
            pass
        assert holder.poll() is None
        project.prepare("multiclass", name="iris")
        assert holder.wait(5) == 0


@pytest.mark.slow
def test_the_next_run_finds_no_stray_when_one_was_killed_at_any_change_of_the_folder(
    project: DataProject, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("kill_while_preparing.py")
    copies = tmp_path / "copies"
    subprocess.run([sys.executable, str(script), str(project.folder), str(copies)], check=True)
    folders = list(copies.iterdir())
    assert len(folders) > 20
    states = set()
    for folder in folders:
        copy = DataProject(folder)
        states.add(tuple(copy.listing()))
        copy.prepare("multiclass", name="iris")
        training_channels(copy.data)
        assert sorted(path.name for path in copy.data.iterdir()) == ["schema", "test", "test_target", "train", "valid"]
        assert len(copy.listing()) == 5
    assert len(states) > 10
