"""The bucket is created if it is missing, and refused if it is not ours.

Files are fetched.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.s3 import S3Bucket, default_bucket_name, ensure_bucket
from lgbm_sm.aws.s3_files import download
from lgbm_sm.errors import AwsError, DataError
from tests.cloud.emulator import ACCOUNT, Emulator
from tests.cloud.s3.stored import BUCKET, TAGS, connect_to, put_foreign, s3_of, uri

pytestmark = [pytest.mark.slow]


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
    with pytest.raises(AwsError, match=f"{BUCKET} does not belong to account {ACCOUNT}") as refused:
        ensure_bucket(account, BUCKET, tags={})
    assert refused.value.hint.startswith("set aws.bucket to a bucket of this account")
    assert refused.value.code == code


def test_a_bucket_in_another_region_is_refused_with_a_remedy(
    aws_without_engine: Emulator, account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_bucket(account, BUCKET, tags={})
    elsewhere = connect_to(aws_without_engine, monkeypatch, "us-west-2")
    with pytest.raises(AwsError, match="is in eu-west-1: SageMaker in us-west-2 cannot use it") as refused:
        ensure_bucket(elsewhere, BUCKET, tags={})
    assert "set aws.region to the region of the bucket" in refused.value.hint


def test_a_bucket_that_another_command_makes_meanwhile_is_not_made_twice(
    aws_without_engine: Emulator, account: AwsAccount
) -> None:
    ensure_bucket(account, BUCKET, tags={})
    assert not S3Bucket(account, BUCKET).create(TAGS)
    assert aws_without_engine.faults.operations()[-1] == "s3:CreateBucket"


def test_a_bucket_goes_only_when_it_is_empty(aws_without_engine: Emulator, plain_bucket: S3Bucket) -> None:
    put_foreign(aws_without_engine, "theirs")
    assert plain_bucket.delete() == ["it contains objects that lgbm-sm did not create"]
    s3_of(aws_without_engine).delete_object(Bucket=BUCKET, Key="theirs")
    assert plain_bucket.delete() == []
    assert not plain_bucket.exists()
    assert plain_bucket.delete() == []
    assert plain_bucket.tags() == {}


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
    with pytest.raises(AwsError, match=f"{address} does not exist"):
        download(account, address, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_named(
    aws_without_engine: Emulator, account: AwsAccount, plain_bucket: S3Bucket, tmp_path: Path
) -> None:
    put_foreign(aws_without_engine, "a")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        download(account, uri("a"), tmp_path / "file" / "a")
