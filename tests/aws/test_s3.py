"""Addresses in S3, and the form of files before an upload."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.s3 import default_bucket_name
from lgbm_sm.aws.s3_files import download, parse_uri, read_file, require_same
from lgbm_sm.errors import DataError, UsageError

ACCOUNT = AwsAccount("123456789012", "eu-west-1", session=None)


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://bucket/a/b.csv", "bucket", "a/b.csv"),
        ("s3://bucket/a//b", "bucket", "a//b"),
        ("s3://bucket/", "bucket", ""),
        ("s3://bucket", "bucket", ""),
    ],
)
def test_an_address_has_a_bucket_and_a_key(uri: str, bucket: str, key: str) -> None:
    assert parse_uri(uri) == (bucket, key)


@pytest.mark.parametrize("uri", ["", "bucket/key", "s3:/bucket/key", "s3:///key", "https://bucket/key", "s3"])
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="is not an address in S3") as refused:
        parse_uri(uri)
    assert refused.value.hint == "an address has the form s3://<bucket>/<key>"


def test_a_bucket_alone_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not the address of an object"):
        download(ACCOUNT, "s3://bucket/", tmp_path / "file")


def test_the_default_bucket_is_the_one_of_sagemakers_sdk() -> None:
    assert default_bucket_name(ACCOUNT) == "sagemaker-eu-west-1-123456789012"


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,2\n")
    file = read_file(path)
    assert (file.size, file.sha256) == (4, hashlib.sha256(b"1,2\n").hexdigest())
    require_same(file, path.stat())


def test_a_file_that_was_replaced_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,2\n")
    file = read_file(path)
    (tmp_path / "b.csv").write_bytes(b"1,3\n")
    (tmp_path / "b.csv").replace(path)
    with pytest.raises(DataError, match=r"a\.csv changed while it was uploaded"):
        require_same(file, path.stat())


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv cannot be read: No such file"):
        read_file(tmp_path / "none.csv")
