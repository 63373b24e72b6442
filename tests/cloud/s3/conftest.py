"""An account with a bucket, and files to upload."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.s3 import S3Bucket, ensure_bucket
from tests.cloud.emulator import Emulator
from tests.cloud.s3.stored import BUCKET, PARTS, connect_to


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
