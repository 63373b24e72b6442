"""Each write of the record is complete, while others read and write it."""

import errno
import json
import multiprocessing
import os
import re
import sys
import threading
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import structs

from lgbm_sm.aws.resources import endpoint_parts
from lgbm_sm.aws.resources.endpoint_config import EndpointConfig
from lgbm_sm.aws.resources.model import Model
from lgbm_sm.aws.resources.upload import Upload
from lgbm_sm.errors import ExitCode, RecordError, TimedOutError, WorkFolderError
from lgbm_sm.names import is_timestamped, timestamped_name
from lgbm_sm.record.entries import Endpoint, Image, Place, TrainingJob, TrainingJobStatus, aws_fields
from lgbm_sm.record.file_lock import FileLock
from lgbm_sm.record.record import DryRunRecord, Record, unrecorded_entry


def job(record: Record, name: str) -> TrainingJob:
    return TrainingJob(
        name=name, project="demo", place=Place.PROCESS, created_at=datetime.now(UTC), folder=record.jobs_path / name
    )


def add_jobs(work_path: Path, prefix: str) -> None:
    record = Record(work_path)
    for number in range(25):
        record.add(job(record, f"{prefix}-{number}"))


def test_nothing_is_written_when_only_read(tmp_path: Path) -> None:
    assert Record(tmp_path / ".lgbm-sm").entries() == ()
    assert not (tmp_path / ".lgbm-sm").exists()


def test_the_first_folder_brings_the_record_whose_id_its_marker_has(tmp_path: Path) -> None:
    record = Record(tmp_path / ".lgbm-sm")
    record.make_folder(record.jobs_path / "a")
    assert [path.name for path in (record.jobs_path / "a").iterdir()] == [f".made-by-lgbm-sm-{record.project_id}"]
    assert len(record.project_id) == 16


def test_entries_come_back_as_they_were_added_when_another_object_reads_them(tmp_path: Path) -> None:
    record = Record(tmp_path)
    first, second = job(record, "a"), job(record, "b")
    record.add(first)
    record.add(second)
    assert Record(tmp_path).training_jobs("demo") == (first, second)
    assert Record(tmp_path).training_jobs("another") == ()


def test_no_entry_is_lost_when_two_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_jobs, args=(tmp_path, prefix)) for prefix in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    expected = {f"{prefix}-{number}" for prefix in ("a", "b") for number in range(25)}
    assert {entry.name for entry in Record(tmp_path).entries()} == expected


def add_slowly(work_path: Path, has_read: Event, may_write: Event) -> None:
    """Add the job `slow`. Wait between reading the record and replacing it."""

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and str(arguments[1]).endswith("record.json"):
            has_read.set()
            may_write.wait(30)

    sys.addaudithook(watch)
    record = Record(work_path)
    record.add(job(record, "slow"))


def test_a_second_writer_waits_until_the_first_has_written(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    has_read, may_write = context.Event(), context.Event()
    first = context.Process(target=add_slowly, args=(tmp_path, has_read, may_write))
    first.start()
    assert has_read.wait(30)
    record = Record(tmp_path)
    second = threading.Thread(target=lambda: record.add(job(record, "fast")))
    second.start()
    second.join(0.5)
    assert second.is_alive()
    assert record.entries() == ()
    may_write.set()
    for writer in (first, second):
        writer.join(30)
    assert [entry.name for entry in record.entries()] == ["slow", "fast"]


def test_an_update_says_so_when_the_entry_is_gone(tmp_path: Path) -> None:
    record = Record(tmp_path)
    entry = job(record, "a")
    record.add(entry)
    assert record.update(structs.replace(entry, status=TrainingJobStatus.COMPLETED))
    [updated] = Record(tmp_path).training_jobs()
    assert (updated.name, updated.status) == ("a", TrainingJobStatus.COMPLETED)
    record.remove(entry)
    record.remove(entry)
    assert not record.update(entry)
    assert record.entries() == ()


def test_the_parts_of_an_endpoint_are_its_configs_then_its_models_and_no_others(tmp_path: Path) -> None:
    record = Record(tmp_path)
    where: dict[str, Any] = {
        "project": "demo",
        "place": Place.AWS,
        "created_at": datetime.now(UTC),
        "account": "123456789012",
        "region": "eu-west-1",
    }
    record.add(job(record, "a"))
    for kind, name, endpoint in (
        (Model, "model-a", "a"),
        (EndpointConfig, "config-a", "a"),
        (Model, "model-b", "b"),
        (EndpointConfig, "config-b", "b"),
    ):
        record.add(kind(name=name, endpoint=endpoint, **where))
    record.add(Upload(name="s3://bucket/prefix", bucket="bucket", prefix="prefix", **where))
    assert [part.name for part in endpoint_parts(record, "a")] == ["config-a", "model-a"]
    assert endpoint_parts(record, "c") == []


def test_a_half_written_file_is_overwritten_when_a_command_was_killed_while_writing(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.add(job(record, "a"))
    (tmp_path / "record.json.tmp").write_text('{"format_ver')
    record.add(job(record, "b"))
    assert [entry.name for entry in record.entries()] == ["a", "b"]


def test_a_newer_format_is_refused_when_an_older_program_reads_it(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(json.dumps({"format_version": 3, "entries": []}))
    with pytest.raises(
        RecordError, match="has format version 3, but this version of lgbm-sm reads only versions 1 and 2"
    ) as caught:
        Record(tmp_path).entries()
    assert caught.value.exit_code is ExitCode.CONFIG


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"entries": [{"kind": "training_job"}]}', '{"entries": [{"kind": "?"}]}']
)
def test_the_file_and_a_remedy_are_named_when_the_record_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(RecordError, match=r"record\.json is damaged") as caught:
        Record(tmp_path).entries()
    assert "cleanup" in caught.value.hint


def test_names_have_the_sdks_form_when_made_from_a_project() -> None:
    now = datetime(2026, 3, 4, 5, 6, 7, 89_999, tzinfo=UTC)
    name = timestamped_name("sagemaker-lightgbm-regression", now)
    assert re.fullmatch(r"sagemaker-lightgbm-regression-2026-03-04-05-06-07-[0-9a-z]{3}", name)
    assert is_timestamped(name, "sagemaker-lightgbm-regression")
    assert is_timestamped("demo-2026-03-04-05-06-07-089", "demo")  # as made by earlier versions
    assert not is_timestamped("demo-other-2026-03-04-05-06-07-089", "demo")
    with pytest.raises(ValueError, match="more than 63"):
        timestamped_name("x" * 40, now)


def test_names_made_in_the_same_moment_differ() -> None:
    now = datetime(2026, 3, 4, 5, 6, 7, 89_999, tzinfo=UTC)
    names = {timestamped_name("demo", now) for _ in range(20)}
    assert len(names) > 15  # of 46,656: with milliseconds it would be one


def test_the_record_names_no_path_but_the_projects_own(tmp_path: Path) -> None:
    record = Record(tmp_path / ".lgbm-sm")
    record.add(job(record, "a"))
    document = json.loads(record.path.read_text())
    assert (document["format_version"], document["folder"]) == (2, str(tmp_path))
    assert re.fullmatch(r"[0-9a-f]{16}", document["id"])
    assert document["entries"][0]["folder"] == "a"
    assert (record.project_id, record.training_jobs()[0].folder) == (document["id"], tmp_path / ".lgbm-sm/jobs/a")


@pytest.mark.parametrize("name", ["..", "", "a/b", "/home/user"])
def test_a_folder_that_is_no_plain_name_is_refused(tmp_path: Path, name: str) -> None:
    record = Record(tmp_path)
    record.add(job(record, "a"))
    record.path.write_text(record.path.read_text().replace('"folder": "a"', f'"folder": "{name}"'))
    with pytest.raises(RecordError, match=r"the folder of training job a is .*, which is not in"):
        record.entries()


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    record = DryRunRecord(tmp_path / ".lgbm-sm")
    record.add(job(record, "a"))
    assert [entry.name for entry in record.entries()] == ["a"]
    assert not (tmp_path / ".lgbm-sm").exists()


def test_a_dry_run_has_an_id_of_its_own_and_makes_a_folder_that_it_may_remove(tmp_path: Path) -> None:
    record = DryRunRecord(tmp_path / ".lgbm-sm")
    folder = record.jobs_path / "a"
    record.make_folder(folder)
    assert re.fullmatch(r"[0-9a-f]{16}", record.project_id)
    assert [path.name for path in folder.iterdir()] == [f".made-by-lgbm-sm-{record.project_id}"]
    record.remove_folder(folder)
    assert not folder.exists()
    assert not record.path.exists()


def test_a_folder_is_made_before_its_entry_and_keeps_the_id_of_the_project(tmp_path: Path) -> None:
    record = Record(tmp_path / ".lgbm-sm")
    record.make_folder(record.jobs_path / "a")
    project_id = record.project_id
    assert [path.name for path in (record.jobs_path / "a").iterdir()] == [f".made-by-lgbm-sm-{project_id}"]
    entry = job(record, "a")
    record.add(entry)
    assert (record.project_id, record.entries()) == (project_id, (entry,))
    (entry.root_path / "model").mkdir(parents=True)
    record.remove_root(entry)
    assert not entry.root_path.exists()
    record.remove_folder(entry.folder)
    assert not entry.folder.exists()


def test_the_root_of_a_job_stays_where_its_folder_has_no_marker(tmp_path: Path) -> None:
    record = Record(tmp_path / ".lgbm-sm")
    entry = job(record, "a")
    entry.root_path.mkdir(parents=True)
    with pytest.raises(WorkFolderError, match="has no marker"):
        record.remove_root(entry)
    assert entry.root_path.is_dir()


def test_what_is_found_without_an_entry_gets_one_by_its_folder(tmp_path: Path) -> None:
    record = Record(tmp_path)
    folder = record.endpoints_path / "e"
    folder.mkdir(parents=True)
    os.utime(folder, (1_700_000_000, 1_700_000_000))  # 14 November 2023, 22:13:20 UTC
    endpoint = unrecorded_entry(record, folder, Place.DOCKER)
    assert isinstance(endpoint, Endpoint)
    assert (endpoint.name, endpoint.folder, endpoint.place) == ("e", folder, Place.DOCKER)
    assert endpoint.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    gone = unrecorded_entry(record, record.jobs_path / "j", Place.PROCESS)
    assert isinstance(gone, TrainingJob)
    assert (gone.name, gone.folder, gone.project) == ("j", record.jobs_path / "j", "(not on record)")
    assert abs((datetime.now(UTC) - gone.created_at).total_seconds()) < 60


def former_record(folder: Path, *job_folders: Path) -> Record:
    """Return a record of the first version: absolute paths, no id and no markers."""
    record = Record(folder / ".lgbm-sm")
    entries = [
        {
            "kind": "training_job",
            "name": job_folder.name,
            "project": "demo",
            "place": "process",
            "folder": str(job_folder),
            "created_at": "2026-03-04T05:06:07Z",
        }
        for job_folder in job_folders
    ]
    record.work_path.mkdir(parents=True)
    record.path.write_text(json.dumps({"format_version": 1, "entries": entries}))
    return record


@pytest.mark.parametrize("own_first", [True, False])
def test_a_record_of_the_first_format_may_name_folders_here_and_of_one_original(
    tmp_path: Path, own_first: bool
) -> None:
    folders = [tmp_path / ".lgbm-sm/jobs/a", Path("/original/.lgbm-sm/jobs/b")]
    contents = former_record(tmp_path, *(folders if own_first else reversed(folders))).contents()
    assert contents.folder == Path("/original")
    assert contents.format_version == 1
    assert sorted(entry.folder for entry in contents.entries if isinstance(entry, TrainingJob)) == [
        tmp_path / ".lgbm-sm/jobs/a",
        tmp_path / ".lgbm-sm/jobs/b",
    ]


def test_a_record_of_the_first_format_that_names_two_other_projects_is_refused(tmp_path: Path) -> None:
    record = former_record(tmp_path, Path("/one/.lgbm-sm/jobs/a"), Path("/two/.lgbm-sm/jobs/b"))
    with pytest.raises(RecordError) as caught:
        record.contents()
    assert caught.value.message == (
        f"{record.path}: the folder of training job b is /two/.lgbm-sm/jobs/b, which is not in {tmp_path}/.lgbm-sm"
    )
    assert caught.value.hint == "run `lgbm-sm new-identity` to start an empty record"


def test_a_record_of_the_first_format_is_read_and_its_folders_get_markers_at_the_first_change(tmp_path: Path) -> None:
    record = former_record(tmp_path, tmp_path / ".lgbm-sm/jobs/a")
    for name, file in (("a", "training.log"), ("half", "fetched.tar.gz.part"), ("theirs", "thesis.txt")):
        (record.jobs_path / name).mkdir(parents=True)
        (record.jobs_path / name / file).touch()
    [before] = record.training_jobs()
    assert (before.folder, record.contents().folder, record.project_id) == (record.jobs_path / "a", tmp_path, "")
    record.add(job(record, "b"))
    assert [entry.name for entry in record.entries()] == ["a", "b"]
    marker = f".made-by-lgbm-sm-{record.project_id}"
    marked = {folder.name: (folder / marker).exists() for folder in record.jobs_path.iterdir()}
    assert marked == {"a": True, "b": True, "half": True, "theirs": False}


@pytest.mark.parametrize("folder", ["/work/.lgbm-sm/elsewhere/a", "jobs/a", "/work/../x/.lgbm-sm/jobs/a", "/x/jobs/a"])
def test_a_record_of_the_first_format_that_names_another_folder_is_refused(tmp_path: Path, folder: str) -> None:
    record = former_record(tmp_path, Path(folder))
    with pytest.raises(RecordError) as caught:
        record.entries()
    assert f"{record.path}: the folder of training job a is {folder}, which is not in" in caught.value.message


def test_a_command_that_waits_names_the_process_that_holds_the_lock_and_gives_up(tmp_path: Path) -> None:
    said: list[str] = []
    holder = FileLock(tmp_path / "record.lock")
    waiting = Record(tmp_path, FileLock(tmp_path / "record.lock", say=said.append, timeout_seconds=1.2))
    with holder.held(), pytest.raises(TimedOutError) as caught:
        waiting.add(job(waiting, "a"))
    named = rf"process {os.getpid()} \(lgbm-sm"
    assert re.search(rf"record\.lock is still locked by {named}", caught.value.message)
    assert [bool(re.search(rf"waiting for {named}", line)) for line in said] == [True]
    waiting.add(job(waiting, "a"))


def test_a_lock_that_the_file_system_refuses_is_one_error_with_the_path(tmp_path: Path) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    record = Record(tmp_path, FileLock(tmp_path / "record.lock", lock_file=refuse))
    with pytest.raises(WorkFolderError, match=r"^failed to lock .*/record\.lock: No locks available") as caught:
        record.add(job(record, "a"))
    assert caught.value.exit_code is ExitCode.CONFIG


class Account(NamedTuple):
    account_id: str = "123456789012"
    region: str = "eu-west-1"


def test_the_entry_of_a_resource_at_aws_names_its_account_and_region() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    assert aws_fields(Account(), "demo", now) == {
        "project": "demo",
        "place": "aws",
        "created_at": now,
        "account": "123456789012",
        "region": "eu-west-1",
    }


def test_entries_are_listed_by_kind_and_project(tmp_path: Path) -> None:
    record = Record(tmp_path)
    now = datetime(2026, 11, 30, tzinfo=UTC)
    for project in ("demo", "other"):
        record.add(structs.replace(job(record, f"job-{project}"), project=project))
        folder = record.endpoints_path / project
        found: dict[str, Any] = {"project": project, "place": Place.DOCKER, "created_at": now}
        record.add(Endpoint(name=project, training_job="", folder=folder, **found))
        record.add(Image(name=f"{project}:1", pattern="byoc", **found))
        record.add(Upload(name=f"s3://{project}", bucket="b", prefix="p", **aws_fields(Account(), project, now)))
    assert [entry.name for entry in record.entries()] == ["job-demo", "demo", "job-other", "other"]
    assert [entry.name for entry in record.training_jobs("other")] == ["job-other"]
    assert [entry.name for entry in record.endpoints()] == ["demo", "other"]
    assert [entry.name for entry in record.endpoints("other")] == ["other"]
    assert [entry.name for entry in record.images()] == ["demo:1", "other:1"]
    assert [entry.name for entry in record.images("demo")] == ["demo:1"]
    assert [entry.name for entry in record.aws_entries()] == ["s3://demo", "s3://other"]
    assert [entry.is_local for entry in (*record.entries(), *record.aws_entries())] == [True] * 4 + [False] * 2


def test_the_rest_of_a_killed_write_is_discarded_and_the_record_stays(tmp_path: Path) -> None:
    record = Record(tmp_path / ".lgbm-sm")
    record.discard_unfinished_write()
    assert not (tmp_path / ".lgbm-sm").exists()
    record.add(job(record, "a"))
    record.discard_unfinished_write()
    (tmp_path / ".lgbm-sm/record.json.tmp").write_text("{")
    record.discard_unfinished_write()
    assert not (tmp_path / ".lgbm-sm/record.json.tmp").exists()
    assert [entry.name for entry in record.entries()] == ["a"]


def test_a_dry_run_settles_and_discards_nothing(tmp_path: Path) -> None:
    (tmp_path / "record.json.tmp").write_text("{")
    record = DryRunRecord(tmp_path)
    record.settle(adopts=True)
    record.discard_unfinished_write()
    assert [path.name for path in tmp_path.iterdir()] == ["record.json.tmp"]


def test_a_record_that_cannot_be_written_keeps_its_text_and_no_folder_is_left(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.add(job(record, "a"))
    before = record.path.read_bytes()
    (tmp_path / "record.json.tmp").mkdir()
    with pytest.raises(WorkFolderError) as caught:
        record.add(job(record, "b"))
    assert caught.value.message == f"failed to write {tmp_path}/record.json.tmp: Is a directory"
    assert record.path.read_bytes() == before
    assert [folder.name for folder in record.jobs_path.iterdir()] == ["a"]
