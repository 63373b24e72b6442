"""Our objects in a bucket are deleted. Other objects remain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import s3_backends

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.s3 import S3Bucket
from lgbm_sm.errors import AwsError
from tests.cloud.emulator import ACCOUNT, Call, Emulator, Moment
from tests.cloud.s3.stored import (
    BUCKET,
    MANIFEST,
    ROOT,
    keys,
    open_uploads,
    ours,
    put_foreign,
    s3_of,
    upload,
    uri,
)

pytestmark = [pytest.mark.slow]


def test_an_upload_replaces_nothing_that_it_has_not_put_there(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    put_foreign(aws_without_engine, f"{ROOT}/train/a.csv")
    with pytest.raises(AwsError, match=r"would replace objects that project .* did not create") as refused:
        upload(ours(bucket), files)
    assert uri(f"{ROOT}/train/a.csv") in refused.value.message
    assert "valid" not in refused.value.message
    assert keys(aws_without_engine) == [f"{ROOT}/train/a.csv"]


def test_older_versions_that_somebody_else_has_put_there_are_not_mixed_with_ours(
    aws_without_engine: Emulator, account: AwsAccount, plain_bucket: S3Bucket, files: dict[str, Path]
) -> None:
    s3 = account.client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    put_foreign(aws_without_engine, f"{ROOT}/train/a.csv")
    s3.delete_object(Bucket=BUCKET, Key=f"{ROOT}/train/a.csv")
    with pytest.raises(AwsError, match=r"would replace objects that project .* did not create"):
        upload(ours(plain_bucket), files)
    assert keys(aws_without_engine) == [f"{ROOT}/train/a.csv"] * 2


def test_what_was_there_with_the_same_content_is_used_and_left(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    content = files["train/a.csv"].read_bytes()
    s3_of(aws_without_engine).put_object(
        Bucket=BUCKET, Key=f"{ROOT}/train/a.csv", Body=content, ChecksumAlgorithm="SHA256"
    )
    assert upload(ours(bucket), files).unchanged == (uri(f"{ROOT}/train/a.csv"),)
    assert ours(bucket).delete() == []
    assert keys(aws_without_engine) == [f"{ROOT}/train/a.csv"]


def test_foreign_objects_are_named_and_left(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    objects = ours(bucket)
    foreign = [f"{ROOT}/train/theirs.csv", f"{ROOT}/output/job-1/model.tar.gz", "demo2/a.csv"]
    for key in foreign:
        put_foreign(aws_without_engine, key)
    upload(objects, files)
    assert objects.list_foreign("train/") == [uri(f"{ROOT}/train/theirs.csv")]
    assert objects.delete() == []
    assert keys(aws_without_engine) == sorted(foreign)
    assert objects.list_ours() == []


def test_projects_under_one_prefix_never_share_a_key(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    one, other = ours(bucket), ours(bucket, "boston-2")
    first = upload(one, files).sent
    files["train/a.csv"].write_bytes(b"9,9\n")
    second = upload(other, files).sent
    assert len({*first, *second}) == 6
    assert one.delete() == []
    assert sorted(map(uri, keys(aws_without_engine))) == sorted([*second, uri("demo/boston-2/.lgbm-sm/manifest.json")])
    assert other.delete() == []
    assert keys(aws_without_engine) == []


def test_objects_of_the_layout_before_are_found_and_deleted_but_for_those_of_another_project(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    held = {"boston": ["models/boston-1/model.tar.gz", "train/a.csv", "train/both.csv"], "other": ["train/both.csv"]}
    for project, names in held.items():
        manifest = {"format_version": 1, "project": project, "objects": names}
        put_foreign(aws_without_engine, f"demo/.lgbm-sm/{project}.json", json.dumps(manifest).encode())
        for name in names:
            put_foreign(aws_without_engine, f"demo/{name}")
    objects = ours(bucket)
    upload(objects, files)
    assert {stored.uri for stored in objects.list_ours()} == {
        *map(uri, (MANIFEST, "demo/.lgbm-sm/boston.json", "demo/train/a.csv", "demo/models/boston-1/model.tar.gz")),
        *(uri(f"{ROOT}/{name}") for name in files),
    }
    assert objects.delete_folders(["models/boston-1/"]) == []
    assert "demo/models/boston-1/model.tar.gz" not in keys(aws_without_engine)
    assert objects.delete() == []
    assert sorted(set(keys(aws_without_engine))) == ["demo/.lgbm-sm/other.json", "demo/train/both.csv"]


def test_every_call_says_whose_the_bucket_has_to_be(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path], large: Path
) -> None:
    objects = ours(plain_bucket)
    upload(objects, {**files, "train/large.csv": large})
    objects.list_foreign("train/")
    objects.delete()
    calls = [recorded.call for recorded in aws_without_engine.faults.calls if recorded.call.service == "s3"]
    unsaid = {call.operation for call in calls if call.headers.get("X-Amz-Expected-Bucket-Owner") != ACCOUNT}
    assert unsaid == {"CreateBucket"}  # which makes it the caller's
    assert len({call.operation for call in calls}) > 10


def test_what_is_ours_goes_with_every_version_and_marker(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    objects = ours(bucket)
    upload(objects, files)
    files["train/a.csv"].write_bytes(b"1,2\n3,4\n5,6\n")
    upload(objects, files)
    s3_of(aws_without_engine).delete_object(Bucket=BUCKET, Key=f"{ROOT}/valid/a.csv")
    sizes = {stored.uri: stored.size for stored in objects.list_ours()}
    versioned = len(keys(aws_without_engine)) > 4
    assert sizes[uri(f"{ROOT}/train/a.csv")] == (8 + 12 if versioned else 12)
    assert objects.delete() == []
    assert keys(aws_without_engine) == []
    assert objects.delete() == []


def test_versions_of_a_manifest_that_somebody_has_deleted_still_name_what_is_ours(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    objects = ours(bucket)
    upload(objects, files)
    s3 = s3_of(aws_without_engine)
    versioned = s3.get_bucket_versioning(Bucket=BUCKET).get("Status") == "Enabled"
    for key in keys(aws_without_engine):
        s3.delete_object(Bucket=BUCKET, Key=key)
    assert len(objects.list_ours()) == (4 if versioned else 0)
    upload(objects, files)
    assert s3.head_object(Bucket=BUCKET, Key=MANIFEST)["ContentLength"] > 0
    assert objects.delete() == []
    assert keys(aws_without_engine) == []


def test_the_manifest_stays_while_anything_is_left(
    aws_without_engine: Emulator, bucket: S3Bucket, files: dict[str, Path]
) -> None:
    objects = ours(bucket)
    upload(objects, files)
    kept = f"arn:aws:s3:::{BUCKET}/*/a.csv"
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": kept}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3_of(aws_without_engine).put_bucket_policy(Bucket=BUCKET, Policy=policy)
    assert sorted(objects.delete()) == [uri(f"{ROOT}/{name}: Access Denied") for name in ("train/a.csv", "valid/a.csv")]
    assert keys(aws_without_engine) == [MANIFEST, f"{ROOT}/train/a.csv", f"{ROOT}/valid/a.csv"]
    s3_of(aws_without_engine).delete_bucket_policy(Bucket=BUCKET)
    assert objects.delete() == []
    assert keys(aws_without_engine) == []


def test_more_objects_than_one_call_takes_all_go(aws_without_engine: Emulator, plain_bucket: S3Bucket) -> None:
    for number in range(1100):
        s3_backends[ACCOUNT]["aws"].put_object(BUCKET, f"{ROOT}/output/job-1/{number}", b"")
    aws_without_engine.faults.calls.clear()
    assert plain_bucket.delete_below(f"{ROOT}/output/job-1/") == []
    assert aws_without_engine.faults.operations().count("s3:DeleteObjects") == 2
    assert keys(aws_without_engine) == []


def test_nothing_is_ours_where_there_is_no_bucket(account: AwsAccount) -> None:
    bucket = S3Bucket(account, BUCKET)
    objects = ours(bucket)
    assert (objects.list_ours(), objects.list_foreign("train/")) == ([], [])
    assert (objects.delete(), bucket.delete_below("output/job-1/")) == ([], [])


def test_what_is_below_a_key_goes_and_what_is_beside_it_stays(aws_without_engine: Emulator, bucket: S3Bucket) -> None:
    put_foreign(aws_without_engine, f"{ROOT}/output/job-1/output/model.tar.gz")
    put_foreign(aws_without_engine, f"{ROOT}/output/job-1/output/model.tar.gz")
    put_foreign(aws_without_engine, f"{ROOT}/output/job-10/output/model.tar.gz")
    s3 = s3_of(aws_without_engine)
    s3.create_multipart_upload(Bucket=BUCKET, Key=f"{ROOT}/output/job-1/output/data.tar.gz")
    assert bucket.delete_below(f"{ROOT}/output/job-1/") == []
    assert keys(aws_without_engine) == [f"{ROOT}/output/job-10/output/model.tar.gz"]
    assert open_uploads(aws_without_engine) == []


def test_two_commands_that_upload_at_once_are_both_in_the_manifest(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path]
) -> None:
    first, second = list(files)[:2]
    waiting = [second]

    def another(call: Call, moment: Moment) -> None:
        if call.parameters.get("Key") == MANIFEST and (call.operation, moment) == ("PutObject", Moment.BEFORE):
            for name in [waiting.pop()] if waiting else []:
                upload(ours(plain_bucket), {name: files[name]})

    aws_without_engine.faults.observers.append(another)
    upload(ours(plain_bucket), {first: files[first]})
    body: Any = s3_of(aws_without_engine).get_object(Bucket=BUCKET, Key=MANIFEST)["Body"]
    assert json.loads(body.read())["objects"] == sorted([first, second])


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"format_version": 2, "project": "boston", "objects": []}'])
def test_a_manifest_that_cannot_be_read_is_named_and_nothing_is_deleted(
    aws_without_engine: Emulator, plain_bucket: S3Bucket, files: dict[str, Path], content: bytes
) -> None:
    upload(ours(plain_bucket), files)
    put_foreign(aws_without_engine, MANIFEST, content)
    with pytest.raises(AwsError, match=f"{MANIFEST} is not a manifest"):
        ours(plain_bucket).delete()
    assert len(keys(aws_without_engine)) == 4
