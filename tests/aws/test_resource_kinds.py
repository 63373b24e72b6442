"""Each kind of AWS resource can be read from the record, and has an ARN and a group."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lgbm_sm.aws.resources import KINDS, arn_of, in_order_of_deletion, kind_of
from lgbm_sm.aws.resources.kind import Found
from lgbm_sm.cleanup import cleanup_groups, groups_of
from lgbm_sm.errors import RecordError, UsageError
from lgbm_sm.record.record import Record

COMMON = {"project": "demo", "place": "aws", "created_at": "2026-11-24T00:00:00Z", "adopted": False}
WHERE = {"account": "123456789012", "region": "eu-west-1"}
RUNNING = {"image": "", **WHERE}
URI = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo"
# a record of November 2026, with an entry of each kind
RECORD: list[dict[str, Any]] = [
    {
        "kind": "training_job",
        "name": "Demo-1",
        **COMMON,
        "folder": "Demo-1",
        **RUNNING,
        "status": "Completed",
        "failure_reason": "",
        "output_uri": "s3://bucket/prefix/demo/output/",
        "model_sha256": "",
    },
    {
        "kind": "endpoint",
        "name": "Demo",
        **COMMON,
        "folder": "Demo-2",
        **RUNNING,
        "status": "InService",
        "url": "",
        "training_job": "Demo-1",
        "deployed_at": None,
    },
    {"kind": "image", "name": "demo:1", **COMMON, "place": "docker", "pattern": "byoc", "image_id": "sha256:1"},
    {"kind": "repository", "name": "123456789012/eu-west-1/demo", **COMMON, **WHERE, "repository": "demo"},
    {"kind": "pushed_image", "name": f"{URI}:1", **COMMON, **WHERE, "repository": "demo", "digests": ["sha256:2"]},
    {"kind": "upload", "name": "s3://bucket/prefix/demo/", **COMMON, **WHERE, "bucket": "bucket", "prefix": "prefix"},
    {"kind": "model", "name": "Demo-2", **COMMON, **WHERE, "endpoint": "Demo"},
    {"kind": "endpoint_config", "name": "Demo-2", **COMMON, **WHERE, "endpoint": "Demo"},
]
ARNS = {
    "training_job": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/Demo-1",
    "endpoint": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/demo",
    "image": None,
    "repository": "arn:aws:ecr:eu-west-1:123456789012:repository/demo",
    "pushed_image": "arn:aws:ecr:eu-west-1:123456789012:repository/demo:1",
    "upload": "arn:aws:s3:::bucket/prefix/demo/",
    "model": "arn:aws:sagemaker:eu-west-1:123456789012:model/demo-2",
    "endpoint_config": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint-config/demo-2",
}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    record = Record(tmp_path / ".lgbm-sm")
    record.work_path.mkdir()
    content = {"format_version": 2, "id": "0123456789abcdef", "folder": str(tmp_path), "entries": RECORD, "inode": 1}
    record.path.write_text(json.dumps(content))
    return record


def test_a_record_with_each_kind_is_read_and_written_again_as_it_was(record: Record) -> None:
    [image] = record.images()
    record.update(image)
    record.remove(image)
    record.add(image)
    written = json.loads(record.path.read_text())
    assert written["format_version"] == 2
    assert sorted(written["entries"], key=lambda entry: entry["kind"]) == sorted(
        RECORD, key=lambda entry: entry["kind"]
    )


def test_a_kind_that_only_a_newer_program_knows_is_refused_as_such(record: Record) -> None:
    content = json.loads(record.path.read_text())
    content["entries"].append({"kind": "topic", "name": "demo", **COMMON, **WHERE})
    record.path.write_text(json.dumps(content))
    with pytest.raises(
        RecordError, match="contains an entry of kind topic, which this version of lgbm-sm does not know"
    ) as caught:
        record.entries()
    assert caught.value.hint == "use the version of lgbm-sm that wrote it"


def test_each_entry_has_its_arn_and_what_is_on_this_machine_has_none(record: Record) -> None:
    entries = record.contents().entries
    assert {entry.kind: arn_of(entry) for entry in entries} == ARNS


def test_each_resource_comes_before_what_it_is_made_of(record: Record) -> None:
    assert [entry.kind for entry in in_order_of_deletion(record.aws_entries())] == [
        "endpoint_config",
        "model",
        "upload",
        "pushed_image",
        "repository",
    ]


def test_all_kinds_can_be_on_record_before_a_command_reads_one() -> None:
    # each command reads its configuration by this module, and the record through the workspace or after that
    asked = (
        "import lgbm_sm.workspace; from lgbm_sm.record.entries import entry_types;"
        "print(*sorted(one.__struct_config__.tag for one in entry_types()))"
    )
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert said.split() == sorted(["log", *ARNS])


def test_kinds_in_the_list_to_keep_are_known_in_singular_and_plural() -> None:
    assert [group.name for group in cleanup_groups()] == [
        "endpoints",
        "training-jobs",
        "logs",
        "data",
        "images",
        "pushed-images",
        "repositories",
    ]
    assert groups_of("repository, pushed-image,data,endpoints") == (
        "repositories",
        "pushed-images",
        "data",
        "endpoints",
    )
    with pytest.raises(UsageError, match="--keep topics: this is not a kind of resource"):
        groups_of("data,topics")


@pytest.mark.parametrize(
    ("tags", "project_id", "adopted"),
    [
        ({"lgbm-sm:origin": "0123456789abcdef"}, "0123456789abcdef", False),
        ({"lgbm-sm:origin": "0123456789abcdef"}, "fedcba9876543210", True),
        ({}, "0123456789abcdef", True),
        ({"lgbm-sm:origin": ""}, "", True),
    ],
)
def test_a_resource_is_adopted_unless_its_tag_names_this_work_folder(
    record: Record, tags: dict[str, str], project_id: str, adopted: bool
) -> None:
    for entry in record.aws_entries():
        assert kind_of(entry).is_adopted(Found(entry, tags), project_id) is adopted


def test_data_and_repositories_are_kept_with_what_needs_them(record: Record) -> None:
    entries = {entry.kind: entry for entry in record.contents().entries}

    def needed(kind: str, other: str, *, running: bool | None = False) -> bool:
        return kind_of(entries[kind]).is_needed_by(entries[kind], entries[other], running=running)

    assert needed("upload", "endpoint")
    assert needed("upload", "training_job", running=True)
    assert needed("upload", "training_job", running=None)
    assert not needed("upload", "training_job")
    assert not needed("upload", "image")
    assert needed("repository", "pushed_image")
    assert not needed("repository", "endpoint")
    assert not needed("model", "endpoint")


def test_every_kind_says_how_it_is_deleted() -> None:
    for kind in KINDS:
        assert ":Delete" in kind.deletion or ":BatchDelete" in kind.deletion
