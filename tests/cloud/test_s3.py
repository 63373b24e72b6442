"""Buckets and objects in an emulated account: what arrives, what is not sent again, what is ours and goes."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import s3_backends

from lgbm_sm.aws import AwsAccount, connect
from lgbm_sm.errors import AwsError, DataError
from lgbm_sm.s3 import S3Bucket, default_bucket_name, ensure_bucket
from lgbm_sm.s3_files import download
from lgbm_sm.s3_manifest import ProjectObjects, StoredObject
from tests.cloud.emulator import ACCOUNT, Call, Emulator, Moment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud")]

BUCKET = f"sagemaker-eu-west-1-{ACCOUNT}"
PREFIX = "demo"
MANIFEST = f"{PREFIX}/.lgbm-sm/boston.json"
TAGS = {"lgbm-sm:project": "boston"}
LARGE = 12_000_000  # bytes, two parts
PARTS = b"0123456789abcdef" * (LARGE // 16)


@pytest.fixture
def account(aws_without_engine: Emulator, monkeypatch: pytest.MonkeyPatch) -> AwsAccount:
    return connect_to(aws_without_engine, monkeypatch, "eu-west-1")


@pytest.fixture(params=[False, True], ids=["unversioned", "versioned"])
def bucket(request: pytest.FixtureRequest, account: AwsAccount) -> S3Bucket:
    ensure_bucket(account, BUCKET, tags={})
    if request.param:
        account.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return S3Bucket(account, BUCKET)


@pytest.fixture
def plain_bucket(account: AwsAccount) -> S3Bucket:
    ensure_bucket(account, BUCKET, tags={})
    return S3Bucket(account, BUCKET)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    content = {"train/a.csv": b"1,2\n3,4\n", "valid/a.csv": b"5,6\n", "schema/schema.json": b"{}"}
    found = {}
    for name, data in content.items():
        found[name] = tmp_path / name
        found[name].parent.mkdir()
        found[name].write_bytes(data)
    return found


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.csv"
    path.write_bytes(PARTS)
    return path


def connect_to(aws: Emulator, monkeypatch: pytest.MonkeyPatch, region: str) -> AwsAccount:
    for name, value in aws.environment(region).items():
        monkeypatch.setenv(name, value)
    return connected(aws, region)


@functools.cache  # a session reads the services' descriptions once
def connected(aws: Emulator, region: str) -> AwsAccount:
    account = connect()
    assert account.region == region
    return account


@functools.cache
def s3_of(aws: Emulator) -> Any:
    """A client that is not the program's."""
    return aws.client("s3")


def ours(bucket: S3Bucket, project: str = "boston") -> ProjectObjects:
    return ProjectObjects(bucket, PREFIX, project)


def uri(key: str) -> str:
    return f"s3://{BUCKET}/{key}"


def keys(aws: Emulator) -> list[str]:
    """Of all versions and delete markers."""
    answer = s3_of(aws).list_object_versions(Bucket=BUCKET)
    return sorted(entry["Key"] for kind in ("Versions", "DeleteMarkers") for entry in answer.get(kind, ()))


def written(aws: Emulator) -> list[str]:
    """The keys that were written to, in order, one for each object."""
    calls = [recorded.call for recorded in aws.faults.calls]
    return [call.parameters["Key"] for call in calls if call.operation in ("PutObject", "CreateMultipartUpload")]


def open_uploads(aws: Emulator) -> list[str]:
    return [entry["Key"] for entry in s3_of(aws).list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]


def put_foreign(aws: Emulator, key: str, body: bytes = b"theirs") -> None:
    s3_of(aws).put_object(Bucket=BUCKET, Key=key, Body=body)


# the bucket


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "ap-northeast-1"])
def test_a_missing_bucket_is_made_in_the_region_private_and_encrypted(
    aws_without_engine: Emulator, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    account = connect_to(aws_without_engine, monkeypatch, region)
    name = default_bucket_name(account)
    assert ensure_bucket(account, name, tags=TAGS)
    s3 = account.client("s3")
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == region
    assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
    [rule] = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert S3Bucket(account, name).tags() == TAGS


def test_a_bucket_that_is_there_is_left_as_it_is(aws_without_engine: Emulator, account: AwsAccount) -> None:
    ensure_bucket(account, BUCKET, tags={})
    aws_without_engine.faults.calls.clear()
    assert not ensure_bucket(account, BUCKET, tags=TAGS)
    assert aws_without_engine.faults.operations() == ["s3:HeadBucket"]
    assert S3Bucket(account, BUCKET).tags() == {}


def test_a_bucket_is_encrypted_with_the_key_that_is_given(account: AwsAccount) -> None:
    ensure_bucket(account, BUCKET, tags={}, kms_key="alias/ours")
    configuration = account.client("s3").get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]
    assert configuration["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": "alias/ours",
    }


@pytest.mark.parametrize(
    ("operation", "code", "status"), [("HeadBucket", "403", 403), ("CreateBucket", "BucketAlreadyExists", 409)]
)
def test_another_accounts_bucket_is_refused_with_a_remedy(
    aws_without_engine: Emulator, account: AwsAccount, operation: str, code: str, status: int
) -> None:
    aws_without_engine.faults.fail(f"s3:{operation}", code, "Forbidden", status)
    with pytest.raises(AwsError, match=f"{BUCKET} belongs to another account than {ACCOUNT}") as refused:
        ensure_bucket(account, BUCKET, tags={})
    assert refused.value.hint.startswith("set aws.bucket to a bucket of this account")
    assert refused.value.code == code


def test_a_bucket_in_another_region_is_refused_with_a_remedy(
    aws_without_engine: Emulator, account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_bucket(account, BUCKET, tags={})
    elsewhere = connect_to(aws_without_engine, monkeypatch, "us-west-2")
    with pytest.raises(AwsError, match="is in eu-west-1, and SageMaker in us-west-2 cannot use it") as refused:
        ensure_bucket(elsewhere, BUCKET, tags={})
    assert "set aws.region to that of the bucket" in refused.value.hint


def test_a_bucket_that_another_command_makes_meanwhile_is_not_made_twice(
    aws_without_engine: Emulator, account: AwsAccount
) -> None:
    ensure_bucket(account, BUCKET, tags={})
    assert not S3Bucket(account, BUCKET).create(TAGS)
    assert aws_without_engine.faults.operations()[-1] == "s3:CreateBucket"


def test_a_bucket_goes_only_when_it_is_empty(aws_without_engine: Emulator, plain_bucket: S3Bucket) -> None:
    put_foreign(aws_without_engine, "theirs")
    assert plain_bucket.delete() == ["it holds objects that lgbm-sm has not put there"]
    s3_of(aws_without_engine).delete_object(Bucket=BUCKET, Key="theirs")
    assert plain_bucket.delete() == []
    assert not plain_bucket.exists()
    assert plain_bucket.delete() == []
    assert plain_bucket.tags() == {}


# upload


def test_files_arrive_with_their_type_and_the_manifest_is_written_first(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    result = ours(bucket).upload(files)
    assert result.sent == tuple(uri(f"{PREFIX}/{name}") for name in files)
    assert result.unchanged == ()
    assert written(aws_without_engine) == [MANIFEST, *(f"{PREFIX}/{name}" for name in files)]
    s3 = s3_of(aws_without_engine)
    for name, path in files.items():
        stored = s3.get_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}")
        assert stored["Body"].read() == path.read_bytes()
        assert stored["ContentType"] == ("text/csv" if path.suffix == ".csv" else "application/json")
    manifest = json.loads(s3.get_object(Bucket=BUCKET, Key=MANIFEST)["Body"].read())
    assert manifest == {"format_version": 1, "project": "boston", "objects": sorted(files)}


def test_what_is_unchanged_is_not_sent_again(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path], large: Path
) -> None:
    files = {**files, "train/large.csv": large}
    ours(bucket).upload(files)
    aws_without_engine.faults.calls.clear()
    result = ours(bucket).upload(files)
    assert (len(result.sent), len(result.unchanged)) == (0, 4)
    assert written(aws_without_engine) == []
    files["valid/a.csv"].write_bytes(b"7,8\n")
    large.write_bytes(PARTS[:-1] + b"g")  # as long as before
    assert ours(bucket).upload(files).sent == (uri(f"{PREFIX}/valid/a.csv"), uri(f"{PREFIX}/train/large.csv"))
    assert written(aws_without_engine) == [f"{PREFIX}/valid/a.csv", f"{PREFIX}/train/large.csv"]


def test_a_later_upload_adds_to_the_manifest(bucket: S3Bucket, files: dict[str, Path]) -> None:
    first, second = list(files)[:2]
    ours(bucket).upload({first: files[first]})
    ours(bucket).upload({second: files[second]})
    assert [stored.uri for stored in ours(bucket).list_ours()] == [
        uri(MANIFEST),
        uri(f"{PREFIX}/{first}"),
        uri(f"{PREFIX}/{second}"),
    ]


def test_a_large_file_arrives_in_parts_and_tells_how_far_it_is(
    aws_without_engine: Emulator,
    account: AwsAccount,
    plain_bucket: S3Bucket,
    files: dict[str, Path],
    large: Path,
    tmp_path: Path,
) -> None:
    told: list[tuple[int, int]] = []
    ours(plain_bucket).upload(
        {"train/large.csv": large, "train/a.csv": files["train/a.csv"]},
        lambda so_far, total: told.append((so_far, total)),
    )
    assert aws_without_engine.faults.operations().count("s3:UploadPart") == 2
    assert {total for _, total in told} == {LARGE + 8}
    assert told == sorted(told)
    assert told[-1] == (LARGE + 8, LARGE + 8)
    assert len(told) > 3
    download(account, uri(f"{PREFIX}/train/large.csv"), tmp_path / "back.csv")
    assert (tmp_path / "back.csv").read_bytes() == PARTS


def test_objects_are_encrypted_with_the_key_that_is_given(
    aws_without_engine: Emulator, account: AwsAccount, files: dict[str, Path], large: Path
) -> None:
    ensure_bucket(account, BUCKET, tags={})
    ours(S3Bucket(account, BUCKET, "alias/ours")).upload({**files, "train/large.csv": large})
    s3 = s3_of(aws_without_engine)
    stored = [s3.head_object(Bucket=BUCKET, Key=key) for key in keys(aws_without_engine)]
    assert [(head["ServerSideEncryption"], head["SSEKMSKeyId"]) for head in stored] == [("aws:kms", "alias/ours")] * 5


def test_throttling_on_every_third_call_is_sat_out(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path], large: Path
) -> None:
    aws_without_engine.faults.throttle_every = 3
    objects = ours(plain_bucket)
    assert len(objects.upload({**files, "train/large.csv": large}).sent) == 4
    assert objects.delete() == []
    aws_without_engine.faults.throttle_every = 0
    assert keys(aws_without_engine) == []
    assert open_uploads(aws_without_engine) == []


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
def test_a_refused_upload_leaves_no_part_and_can_be_run_again(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path], large: Path, operation: str
) -> None:
    files = {**files, "train/large.csv": large}
    aws_without_engine.faults.fail(f"s3:{operation}", "AccessDenied", "no", 403)
    with pytest.raises(AwsError, match=r"demo/train/large\.csv cannot be had: AccessDenied: no"):
        ours(plain_bucket).upload(files)
    assert open_uploads(aws_without_engine) == []
    assert f"{PREFIX}/train/large.csv" not in keys(aws_without_engine)
    assert ours(plain_bucket).upload(files).sent == (uri(f"{PREFIX}/train/large.csv"),)


def test_an_upload_that_is_not_answered_fails_without_a_trace(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path]
) -> None:
    aws_without_engine.faults.break_connection("s3:ListObjectVersions", times=99)
    with pytest.raises(AwsError, match=f"bucket {BUCKET} cannot be had") as refused:
        ours(plain_bucket).upload(files)
    assert refused.value.code == ""
    aws_without_engine.faults.reset()
    assert keys(aws_without_engine) == []


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_an_upload_that_is_killed_midway_is_finished_by_the_next(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, large: Path, ending: signal.Signals
) -> None:
    begin = start_upload(aws_without_engine, large)
    begin.send_signal(ending)
    # a shell's: an interrupted Python says so with its own signal
    assert begin.wait(30) == -ending
    aws_without_engine.faults.reset()
    left = [] if ending is signal.SIGINT else [f"{PREFIX}/train/large.csv"]
    assert open_uploads(aws_without_engine) == left
    assert keys(aws_without_engine) == [MANIFEST]
    assert ours(plain_bucket).upload({"train/large.csv": large}).sent == (uri(f"{PREFIX}/train/large.csv"),)
    assert open_uploads(aws_without_engine) == []


def test_an_upload_that_was_killed_midway_is_seen_and_taken_away(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, large: Path
) -> None:
    begin = start_upload(aws_without_engine, large)
    begin.kill()
    begin.wait(30)
    aws_without_engine.faults.reset()
    seen = {stored.uri: (stored.versions, stored.open_uploads) for stored in ours(plain_bucket).list_ours()}
    assert seen == {uri(MANIFEST): (1, 0), uri(f"{PREFIX}/train/large.csv"): (0, 1)}
    assert ours(plain_bucket).delete() == []
    assert (keys(aws_without_engine), open_uploads(aws_without_engine)) == ([], [])


def start_upload(aws: Emulator, path: Path) -> subprocess.Popen[bytes]:
    """A process that has begun to upload a large file, one part of which takes long."""
    under_way = threading.Event()

    def watch(call: Call, moment: Moment) -> None:
        if (call.operation, moment) == ("UploadPart", Moment.BEFORE):
            under_way.set()

    aws.faults.observers.append(watch)
    aws.faults.slow["s3:UploadPart"] = 2
    script = Path(__file__).with_name("upload_until_stopped.py")
    arguments = [BUCKET, PREFIX, "boston", "train/large.csv", str(path)]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, script, *arguments],
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    )
    assert under_way.wait(30)
    return process


def test_a_file_that_changes_before_it_is_sent_is_not_taken_for_what_it_was(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path]
) -> None:
    def change(call: Call, moment: Moment) -> None:
        if (call.operation, moment) == ("PutObject", Moment.BEFORE):
            files["train/a.csv"].write_bytes(b"changed")

    aws_without_engine.faults.observers.append(change)
    with pytest.raises(DataError, match=r"a\.csv has changed while it was uploaded"):
        ours(plain_bucket).upload(files)
    assert keys(aws_without_engine) == [MANIFEST]


# what is not ours


def test_an_upload_replaces_nothing_that_it_has_not_put_there(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    put_foreign(aws_without_engine, f"{PREFIX}/train/a.csv")
    with pytest.raises(AwsError, match="has not put there what it would replace") as refused:
        ours(bucket).upload(files)
    assert uri(f"{PREFIX}/train/a.csv") in refused.value.message
    assert "valid" not in refused.value.message
    assert keys(aws_without_engine) == [f"{PREFIX}/train/a.csv"]


def test_older_versions_that_somebody_else_has_put_there_are_not_mixed_with_ours(
    aws_without_engine: Emulator, account: AwsAccount, plain_bucket: S3Bucket, files: dict[str, Path]
) -> None:
    s3 = account.client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    put_foreign(aws_without_engine, f"{PREFIX}/train/a.csv")
    s3.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/train/a.csv")
    with pytest.raises(AwsError, match="has not put there what it would replace"):
        ours(plain_bucket).upload(files)
    assert keys(aws_without_engine) == [f"{PREFIX}/train/a.csv"] * 2


def test_what_was_there_with_the_same_content_is_used_and_left(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    content = files["train/a.csv"].read_bytes()
    s3_of(aws_without_engine).put_object(
        Bucket=BUCKET, Key=f"{PREFIX}/train/a.csv", Body=content, ChecksumAlgorithm="SHA256"
    )
    assert ours(bucket).upload(files).unchanged == (uri(f"{PREFIX}/train/a.csv"),)
    assert ours(bucket).delete() == []
    assert keys(aws_without_engine) == [f"{PREFIX}/train/a.csv"]


def test_foreign_objects_are_named_and_left(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    objects = ours(bucket)
    foreign = [f"{PREFIX}/train/theirs.csv", f"{PREFIX}/output/other/model.tar.gz"]
    for key in [*foreign, "demo2/a.csv", f"{PREFIX}/output/job-1/model.tar.gz"]:
        put_foreign(aws_without_engine, key)
    objects.upload(files)
    named = objects.list_foreign(["job-1"])
    assert named == [StoredObject(uri(key), 6, 1, 0) for key in sorted(foreign)]
    assert objects.delete() == []
    assert keys(aws_without_engine) == sorted([*foreign, "demo2/a.csv", f"{PREFIX}/output/job-1/model.tar.gz"])
    assert objects.list_ours() == []


def test_what_two_projects_use_goes_with_the_last(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    one, other = ours(bucket), ours(bucket, "other")
    one.upload(files)
    assert len(other.upload(files).unchanged) == 3
    assert one.delete() == []
    assert sorted(set(keys(aws_without_engine))) == sorted(
        [f"{PREFIX}/.lgbm-sm/other.json", *(f"{PREFIX}/{name}" for name in files)]
    )
    assert other.delete() == []
    assert keys(aws_without_engine) == []


def test_one_project_does_not_replace_what_another_uses(plain_bucket: S3Bucket, files: dict[str, Path]) -> None:
    ours(plain_bucket).upload(files)
    files["train/a.csv"].write_bytes(b"9,9\n")
    with pytest.raises(AwsError, match="has not put there what it would replace") as refused:
        ours(plain_bucket, "other").upload(files)
    assert refused.value.hint == "set aws.prefix to one that nothing else uses"
    assert ours(plain_bucket).upload(files).sent == (uri(f"{PREFIX}/train/a.csv"),)


def test_every_call_says_whose_the_bucket_has_to_be(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path], large: Path
) -> None:
    objects = ours(plain_bucket)
    objects.upload({**files, "train/large.csv": large})
    objects.list_foreign()
    objects.delete()
    calls = [recorded.call for recorded in aws_without_engine.faults.calls if recorded.call.service == "s3"]
    unsaid = {call.operation for call in calls if call.headers.get("X-Amz-Expected-Bucket-Owner") != ACCOUNT}
    assert unsaid == {"CreateBucket"}  # which makes it the caller's
    assert len({call.operation for call in calls}) > 10


# what is ours


def test_what_is_ours_goes_with_every_version_and_marker(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    objects = ours(bucket)
    objects.upload(files)
    files["train/a.csv"].write_bytes(b"1,2\n3,4\n5,6\n")
    objects.upload(files)
    s3_of(aws_without_engine).delete_object(Bucket=BUCKET, Key=f"{PREFIX}/valid/a.csv")
    sizes = {stored.uri: stored.size for stored in objects.list_ours()}
    versioned = len(keys(aws_without_engine)) > 4
    assert sizes[uri(f"{PREFIX}/train/a.csv")] == (8 + 12 if versioned else 12)
    assert objects.delete() == []
    assert keys(aws_without_engine) == []
    assert objects.delete() == []


def test_versions_of_a_manifest_that_somebody_has_deleted_still_name_what_is_ours(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    objects = ours(bucket)
    objects.upload(files)
    s3 = s3_of(aws_without_engine)
    versioned = s3.get_bucket_versioning(Bucket=BUCKET).get("Status") == "Enabled"
    for key in keys(aws_without_engine):
        s3.delete_object(Bucket=BUCKET, Key=key)
    assert len(objects.list_ours()) == (4 if versioned else 0)
    objects.upload(files)
    assert objects.delete() == []
    assert keys(aws_without_engine) == []


def test_the_manifest_stays_while_anything_is_left(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    objects = ours(bucket)
    objects.upload(files)
    kept = f"arn:aws:s3:::{BUCKET}/*/a.csv"
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": kept}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3_of(aws_without_engine).put_bucket_policy(Bucket=BUCKET, Policy=policy)
    assert sorted(objects.delete()) == [
        uri(f"{PREFIX}/{name}: Access Denied") for name in ("train/a.csv", "valid/a.csv")
    ]
    assert keys(aws_without_engine) == [MANIFEST, f"{PREFIX}/train/a.csv", f"{PREFIX}/valid/a.csv"]
    s3_of(aws_without_engine).delete_bucket_policy(Bucket=BUCKET)
    assert objects.delete() == []
    assert keys(aws_without_engine) == []


def test_more_objects_than_one_call_takes_all_go(aws_without_engine: Emulator, plain_bucket: S3Bucket) -> None:
    for number in range(1100):
        s3_backends[ACCOUNT]["aws"].put_object(BUCKET, f"{PREFIX}/output/job-1/{number}", b"")
    aws_without_engine.faults.calls.clear()
    assert len(ours(plain_bucket).list_output("job-1")) == 1100
    assert ours(plain_bucket).delete_output("job-1") == []
    assert aws_without_engine.faults.operations().count("s3:DeleteObjects") == 2
    assert keys(aws_without_engine) == []


def test_nothing_is_ours_where_there_is_no_bucket(account: AwsAccount) -> None:
    objects = ours(S3Bucket(account, BUCKET))
    assert (objects.list_ours(), objects.list_foreign(), objects.list_output("job-1")) == ([], [], [])
    assert (objects.delete(), objects.delete_output("job-1")) == ([], [])


def test_the_output_of_a_job_goes_and_that_of_others_stays(aws_without_engine: Emulator, bucket: S3Bucket) -> None:
    put_foreign(aws_without_engine, f"{PREFIX}/output/job-1/output/model.tar.gz")
    put_foreign(aws_without_engine, f"{PREFIX}/output/job-1/output/model.tar.gz")
    put_foreign(aws_without_engine, f"{PREFIX}/output/job-10/output/model.tar.gz")
    s3 = s3_of(aws_without_engine)
    s3.create_multipart_upload(Bucket=BUCKET, Key=f"{PREFIX}/output/job-1/output/data.tar.gz")
    assert {stored.uri for stored in ours(bucket).list_output("job-1")} == {
        uri(f"{PREFIX}/output/job-1/output/model.tar.gz"),
        uri(f"{PREFIX}/output/job-1/output/data.tar.gz"),
    }
    assert ours(bucket).delete_output("job-1") == []
    assert keys(aws_without_engine) == [f"{PREFIX}/output/job-10/output/model.tar.gz"]
    assert open_uploads(aws_without_engine) == []


def test_two_commands_that_upload_at_once_are_both_in_the_manifest(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path]
) -> None:
    first, second = list(files)[:2]
    waiting = [second]

    def another(call: Call, moment: Moment) -> None:
        if call.parameters.get("Key") == MANIFEST and (call.operation, moment) == ("PutObject", Moment.BEFORE):
            for name in [waiting.pop()] if waiting else []:
                ours(plain_bucket).upload({name: files[name]})

    aws_without_engine.faults.observers.append(another)
    ours(plain_bucket).upload({first: files[first]})
    body: Any = s3_of(aws_without_engine).get_object(Bucket=BUCKET, Key=MANIFEST)["Body"]
    assert json.loads(body.read())["objects"] == sorted([first, second])


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"format_version": 2, "project": "boston", "objects": []}'])
def test_a_manifest_that_cannot_be_read_is_named_and_nothing_is_deleted(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path], content: bytes
) -> None:
    ours(plain_bucket).upload(files)
    put_foreign(aws_without_engine, MANIFEST, content)
    with pytest.raises(AwsError, match=f"{MANIFEST} is no manifest"):
        ours(plain_bucket).delete()
    assert len(keys(aws_without_engine)) == 4


# download


def test_a_download_is_whole_or_not_there(
    aws_without_engine: Emulator, account: AwsAccount, plain_bucket: S3Bucket, tmp_path: Path
) -> None:
    put_foreign(aws_without_engine, "model.tar.gz", b"model")
    path = tmp_path / "models" / "model.tar.gz"
    download(account, uri("model.tar.gz"), path)
    assert path.read_bytes() == b"model"
    aws_without_engine.faults.fail("s3:GetObject", "AccessDenied", "no", 403)
    with pytest.raises(AwsError, match="AccessDenied"):
        download(account, uri("model.tar.gz"), path)
    assert path.read_bytes() == b"model"
    assert [found.name for found in path.parent.iterdir()] == ["model.tar.gz"]


@pytest.mark.parametrize("address", [uri("none"), "s3://no-such-bucket/none"])
def test_an_object_that_is_not_there_is_named(
    account: AwsAccount, plain_bucket: S3Bucket, tmp_path: Path, address: str
) -> None:
    with pytest.raises(AwsError, match=f"{address}: there is no such object"):
        download(account, address, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_named(
    aws_without_engine: Emulator, account: AwsAccount, plain_bucket: S3Bucket, tmp_path: Path
) -> None:
    put_foreign(aws_without_engine, "a")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        download(account, uri("a"), tmp_path / "file" / "a")
