"""The owner of a work folder: a renamed project, a copied project, or a copy."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lgbm_sm.aws.resources.endpoint_config import EndpointConfig
from lgbm_sm.console import Console, OutputFormat
from lgbm_sm.errors import RecordError, WorkFolderError
from lgbm_sm.record.entries import Place, TrainingJob
from lgbm_sm.record.identity import copy_warning, open_record
from lgbm_sm.record.record import Record

NOW = datetime(2026, 11, 30, tzinfo=UTC)
CONSOLE = Console(output=OutputFormat.TEXT, verbose=False, environment={})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose record has a local job and an endpoint config in AWS."""
    folder = tmp_path / "houses"
    record = Record(folder / ".lgbm-sm")
    job_path = record.jobs_path / "houses-1"
    record.add(TrainingJob(name="houses-1", project="houses", place=Place.PROCESS, created_at=NOW, folder=job_path))
    where = {"account": "123456789012", "region": "eu-central-1"}
    config = {"name": "houses-2", "project": "houses", "endpoint": "houses", "created_at": NOW}
    record.add(EndpointConfig(place=Place.AWS, **config, **where))  # type: ignore[arg-type]
    return folder


def adopted(folder: Path) -> dict[str, bool]:
    record = open_record(folder, CONSOLE, changes=True)
    return {entry.name: entry.adopted for entry in record.contents().entries}


def test_all_stays_the_projects_own_when_its_folder_is_renamed(project: Path, tmp_path: Path) -> None:
    project.rename(tmp_path / "renamed")
    assert adopted(tmp_path / "renamed") == {"houses-1": False, "houses-2": False}


def test_all_stays_the_projects_own_when_the_moved_record_has_no_inode(project: Path, tmp_path: Path) -> None:
    path = project / ".lgbm-sm" / "record.json"
    document = json.loads(path.read_text())
    del document["inode"]
    path.write_text(json.dumps(document))
    project.rename(tmp_path / "renamed")
    assert adopted(tmp_path / "renamed") == {"houses-1": False, "houses-2": False}


def test_what_is_at_aws_is_adopted_when_the_files_were_copied_and_the_original_is_out_of_sight(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(project, tmp_path / "copy")
    project.rename(tmp_path / "original")
    assert adopted(tmp_path / "copy") == {"houses-1": False, "houses-2": True}
    assert "the original may still use the AWS resources" in capsys.readouterr().err
    # it is said once, and stays so
    assert adopted(tmp_path / "copy") == {"houses-1": False, "houses-2": True}
    assert capsys.readouterr().err == ""


def test_a_recorded_folder_that_cannot_be_looked_at_is_taken_for_the_original(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "copy")
    shutil.rmtree(project / ".lgbm-sm")
    (project / ".lgbm-sm").symlink_to(".lgbm-sm")  # a loop
    with pytest.raises(RecordError, match=f"is a copy of {project}"):
        open_record(tmp_path / "copy", CONSOLE, changes=True)


def test_a_copy_has_a_warning_and_the_original_and_an_empty_folder_have_none(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "copy")
    assert copy_warning(tmp_path / "copy") == (
        f"{tmp_path}/copy is a copy of {project}; run `lgbm-sm new-identity` to make it a separate project"
    )
    assert copy_warning(project) == ""
    assert copy_warning(tmp_path / "nothing") == ""


def test_there_is_no_warning_of_a_copy_when_the_record_is_damaged(project: Path) -> None:
    (project / ".lgbm-sm/record.json").write_text("{")
    assert copy_warning(project) == ""


def test_a_copy_is_told_of_and_read_from_its_original_when_nothing_changes(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(project, tmp_path / "copy")
    record = open_record(tmp_path / "copy", CONSOLE, changes=False)
    assert record.is_others
    assert (record.work_path, [entry.name for entry in record.entries()]) == (project / ".lgbm-sm", ["houses-1"])
    assert "run `lgbm-sm new-identity` to make the copy a separate project" in capsys.readouterr().err
    assert not open_record(project, CONSOLE, changes=False, dry_run=True).is_others


def test_a_dry_run_does_not_write_where_a_project_was_moved_to(project: Path, tmp_path: Path) -> None:
    project.rename(tmp_path / "renamed")
    before = (tmp_path / "renamed/.lgbm-sm/record.json").read_bytes()
    record = open_record(tmp_path / "renamed", CONSOLE, changes=True, dry_run=True)
    assert [entry.name for entry in record.entries()] == ["houses-1"]
    assert (tmp_path / "renamed/.lgbm-sm/record.json").read_bytes() == before
    assert json.loads(before)["folder"] == str(project)
    open_record(tmp_path / "renamed", CONSOLE, changes=False)
    assert json.loads((tmp_path / "renamed/.lgbm-sm/record.json").read_text())["folder"] == str(tmp_path / "renamed")


def test_a_linked_work_folder_is_refused_when_something_changes_and_read_otherwise(
    project: Path, tmp_path: Path
) -> None:
    (project / ".lgbm-sm").rename(tmp_path / "elsewhere")
    (project / ".lgbm-sm").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkFolderError, match=f"{project}/.lgbm-sm is a symbolic link to {tmp_path}/elsewhere"):
        open_record(project, CONSOLE, changes=True)
    assert [entry.name for entry in open_record(project, CONSOLE, changes=False).entries()] == ["houses-1"]


def test_a_new_identity_has_a_new_id_and_keeps_the_former_record_beside_it(project: Path) -> None:
    record = Record(project / ".lgbm-sm")
    former = record.path.read_text()
    project_id = record.start_again()
    document = json.loads(record.path.read_text())
    assert document == {
        "format_version": 2,
        "id": project_id,
        "folder": str(project),
        "entries": [],
        "inode": (project / ".lgbm-sm").stat().st_ino,
    }
    assert re.fullmatch(r"[0-9a-f]{16}", project_id)
    assert project_id not in former
    assert (project / ".lgbm-sm/record.json.old").read_text() == former


def test_a_new_identity_begins_a_record_where_there_is_none(tmp_path: Path) -> None:
    record = Record(tmp_path / ".lgbm-sm")
    assert record.start_again() == record.project_id
    assert sorted(path.name for path in record.work_path.iterdir()) == ["record.json", "record.lock"]


def test_a_renamed_project_is_accepted_when_the_folders_of_its_jobs_are_gone(project: Path, tmp_path: Path) -> None:
    shutil.rmtree(project / ".lgbm-sm/jobs")
    project.rename(tmp_path / "renamed")
    assert adopted(tmp_path / "renamed") == {"houses-1": False, "houses-2": False}
