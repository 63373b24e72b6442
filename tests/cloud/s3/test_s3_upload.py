"""The files that are uploaded, the files that are not uploaded again, and broken uploads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.s3 import S3Bucket, ensure_bucket
from lgbm_sm.aws.s3_files import download
from lgbm_sm.errors import AwsError, DataError
from tests.cloud.emulator import Call, Emulator, Moment
from tests.cloud.s3.stored import (
    BUCKET,
    LARGE,
    MANIFEST,
    PARTS,
    PREFIX,
    ROOT,
    keys,
    open_uploads,
    ours,
    s3_of,
    upload,
    uri,
    written,
)

pytestmark = [pytest.mark.slow]


def test_files_arrive_with_their_type_and_the_manifest_is_written_first(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    result = upload(ours(bucket), files)
    assert result.sent == tuple(uri(f"{ROOT}/{name}") for name in files)
    assert result.unchanged == ()
    assert written(aws_without_engine) == [MANIFEST, *(f"{ROOT}/{name}" for name in files)]
    s3 = s3_of(aws_without_engine)
    for name, path in files.items():
        stored = s3.get_object(Bucket=BUCKET, Key=f"{ROOT}/{name}")
        assert stored["Body"].read() == path.read_bytes()
        assert stored["ContentType"] == ("text/csv" if path.suffix == ".csv" else "application/json")
    manifest = json.loads(s3.get_object(Bucket=BUCKET, Key=MANIFEST)["Body"].read())
    assert manifest == {"format_version": 1, "project": "boston", "objects": sorted(files)}


def test_what_is_unchanged_is_not_sent_again(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path], large: Path
) -> None:
    files = {**files, "train/large.csv": large}
    upload(ours(bucket), files)
    aws_without_engine.faults.calls.clear()
    result = upload(ours(bucket), files)
    assert (len(result.sent), len(result.unchanged)) == (0, 4)
    assert written(aws_without_engine) == []
    files["valid/a.csv"].write_bytes(b"7,8\n")
    large.write_bytes(PARTS[:-1] + b"g")  # as long as before
    assert upload(ours(bucket), files).sent == (uri(f"{ROOT}/valid/a.csv"), uri(f"{ROOT}/train/large.csv"))
    assert written(aws_without_engine) == [f"{ROOT}/valid/a.csv", f"{ROOT}/train/large.csv"]


def test_a_later_upload_adds_to_the_manifest(bucket: S3Bucket, files: dict[str, Path]) -> None:
    first, second = list(files)[:2]
    upload(ours(bucket), {first: files[first]})
    upload(ours(bucket), {second: files[second]})
    assert [stored.uri for stored in ours(bucket).list_ours()] == [
        uri(MANIFEST),
        uri(f"{ROOT}/{first}"),
        uri(f"{ROOT}/{second}"),
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
    upload(
        ours(plain_bucket),
        {"train/large.csv": large, "train/a.csv": files["train/a.csv"]},
        lambda so_far, total: told.append((so_far, total)),
    )
    assert aws_without_engine.faults.operations().count("s3:UploadPart") == 2
    assert {total for _, total in told} == {LARGE + 8}
    assert told == sorted(told)
    assert told[-1] == (LARGE + 8, LARGE + 8)
    assert len(told) > 3
    download(account, uri(f"{ROOT}/train/large.csv"), tmp_path / "back.csv")
    assert (tmp_path / "back.csv").read_bytes() == PARTS


def test_objects_are_encrypted_with_the_key_that_is_given(
    aws_without_engine: Emulator, account: AwsAccount, files: dict[str, Path], large: Path
) -> None:
    ensure_bucket(account, BUCKET, tags={})
    upload(ours(S3Bucket(account, BUCKET, "alias/ours")), {**files, "train/large.csv": large})
    s3 = s3_of(aws_without_engine)
    stored = [s3.head_object(Bucket=BUCKET, Key=key) for key in keys(aws_without_engine)]
    assert [(head["ServerSideEncryption"], head["SSEKMSKeyId"]) for head in stored] == [("aws:kms", "alias/ours")] * 5


def test_throttling_on_every_third_call_is_sat_out(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path], large: Path
) -> None:
    aws_without_engine.faults.throttle_every = 3
    objects = ours(plain_bucket)
    assert len(upload(objects, {**files, "train/large.csv": large}).sent) == 4
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
    with pytest.raises(AwsError, match=r"could not get .*demo/boston/train/large\.csv: AccessDenied: no"):
        upload(ours(plain_bucket), files)
    assert open_uploads(aws_without_engine) == []
    assert f"{ROOT}/train/large.csv" not in keys(aws_without_engine)
    assert upload(ours(plain_bucket), files).sent == (uri(f"{ROOT}/train/large.csv"),)


def test_an_upload_that_is_not_answered_fails_without_a_trace(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path]
) -> None:
    aws_without_engine.faults.break_connection("s3:ListObjectVersions", times=99)
    with pytest.raises(AwsError, match=f"could not get bucket {BUCKET}") as refused:
        upload(ours(plain_bucket), files)
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
    left = [] if ending is signal.SIGINT else [f"{ROOT}/train/large.csv"]
    assert open_uploads(aws_without_engine) == left
    assert keys(aws_without_engine) == [MANIFEST]
    assert upload(ours(plain_bucket), {"train/large.csv": large}).sent == (uri(f"{ROOT}/train/large.csv"),)
    assert open_uploads(aws_without_engine) == []


def test_an_upload_that_was_killed_midway_is_seen_and_taken_away(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, large: Path
) -> None:
    begin = start_upload(aws_without_engine, large)
    begin.kill()
    begin.wait(30)
    aws_without_engine.faults.reset()
    seen = {stored.uri: (stored.versions, stored.open_uploads) for stored in ours(plain_bucket).list_ours()}
    assert seen == {uri(MANIFEST): (1, 0), uri(f"{ROOT}/train/large.csv"): (0, 1)}
    assert ours(plain_bucket).delete() == []
    assert (keys(aws_without_engine), open_uploads(aws_without_engine)) == ([], [])


def start_upload(aws: Emulator, path: Path) -> subprocess.Popen[bytes]:
    """Start a process that uploads a large file. One part of the file takes long."""
    under_way = threading.Event()

    def watch(call: Call, moment: Moment) -> None:
        if (call.operation, moment) == ("UploadPart", Moment.BEFORE):
            under_way.set()

    aws.faults.observers.append(watch)
    aws.faults.slow["s3:UploadPart"] = 2
    script = Path(__file__).with_name("upload_one_file.py")
    arguments = [BUCKET, PREFIX, "boston", "train/large.csv", str(path)]
    root = Path(__file__).parents[3]
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
    with pytest.raises(DataError, match=r"a\.csv changed while it was uploaded"):
        upload(ours(plain_bucket), files)
    assert keys(aws_without_engine) == [MANIFEST]


def test_a_file_that_changes_while_it_is_sent_is_sent_again_by_the_next(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, large: Path
) -> None:
    def change(call: Call, moment: Moment) -> None:
        if (call.operation, moment) == ("CompleteMultipartUpload", Moment.BEFORE):
            large.write_bytes(b"changed")

    aws_without_engine.faults.observers.append(change)
    with pytest.raises(DataError, match=r"large\.csv changed while it was uploaded"):
        upload(ours(plain_bucket), {"train/large.csv": large})
    aws_without_engine.faults.reset()
    assert upload(ours(plain_bucket), {"train/large.csv": large}).sent == (uri(f"{ROOT}/train/large.csv"),)
