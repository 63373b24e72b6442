"""Whose the work folder is: that of a project that was renamed, of one that was copied, or of a copy."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lgbm_sm.aws.resources.endpoint_config import EndpointConfig
from lgbm_sm.console import Console, OutputFormat
from lgbm_sm.errors import RecordError
from lgbm_sm.record.entries import Place, TrainingJob
from lgbm_sm.record.identity import open_record
from lgbm_sm.record.record import Record

NOW = datetime(2026, 11, 30, tzinfo=UTC)
CONSOLE = Console(output=OutputFormat.TEXT, verbose=False, environment={})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a job here and an endpoint config at AWS on record."""
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
    assert "its AWS resources are adopted" in capsys.readouterr().err
    # it is said once, and stays so
    assert adopted(tmp_path / "copy") == {"houses-1": False, "houses-2": True}
    assert capsys.readouterr().err == ""


def test_a_recorded_folder_that_cannot_be_looked_at_is_taken_for_the_original(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "copy")
    shutil.rmtree(project / ".lgbm-sm")
    (project / ".lgbm-sm").symlink_to(".lgbm-sm")  # a loop
    with pytest.raises(RecordError, match=f"is a copy of {project}"):
        open_record(tmp_path / "copy", CONSOLE, changes=True)
