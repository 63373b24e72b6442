"""Write and read objects in buckets, without the code under test."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lgbm_sm.aws.account import AwsAccount, connect
from lgbm_sm.aws.s3 import S3Bucket
from lgbm_sm.aws.s3_files import read_file
from lgbm_sm.aws.s3_manifest import Progress, ProjectObjects, UploadResult
from tests.cloud.emulator import ACCOUNT, Emulator

BUCKET = f"sagemaker-eu-west-1-{ACCOUNT}"
PREFIX = "demo"
ROOT = f"{PREFIX}/boston"
MANIFEST = f"{ROOT}/.lgbm-sm/manifest.json"
TAGS = {"lgbm-sm:project": "boston"}
LARGE = 12_000_000  # bytes, two parts
PARTS = b"0123456789abcdef" * (LARGE // 16)


def connect_to(aws: Emulator, monkeypatch: pytest.MonkeyPatch, region: str) -> AwsAccount:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in aws.environment(region).items():
        monkeypatch.setenv(name, value)
    account = connected(aws, region)
    account.session.get_credentials().access_key = aws.access_key
    return account


@functools.cache  # a session reads the services' descriptions once
def connected(aws: Emulator, region: str) -> AwsAccount:
    account = connect()
    assert account.region == region
    return account


@functools.cache
def s3_of(aws: Emulator) -> Any:
    """Return a client of S3 that is independent of the code under test."""
    return aws.client("s3")


def ours(bucket: S3Bucket, project: str = "boston") -> ProjectObjects:
    return ProjectObjects(bucket, PREFIX, project)


def upload(objects: ProjectObjects, files: Mapping[str, Path], progress: Progress | None = None) -> UploadResult:
    return objects.upload({name: read_file(path) for name, path in files.items()}, progress)


def uri(key: str) -> str:
    return f"s3://{BUCKET}/{key}"


def keys(aws: Emulator) -> list[str]:
    """Return the keys of all versions and delete markers."""
    answer = s3_of(aws).list_object_versions(Bucket=BUCKET)
    return sorted(entry["Key"] for kind in ("Versions", "DeleteMarkers") for entry in answer.get(kind, ()))


def written(aws: Emulator) -> list[str]:
    """Return the keys of all uploads, in their order. Each object is listed once."""
    calls = [recorded.call for recorded in aws.faults.calls]
    return [call.parameters["Key"] for call in calls if call.operation in ("PutObject", "CreateMultipartUpload")]


def open_uploads(aws: Emulator) -> list[str]:
    return [entry["Key"] for entry in s3_of(aws).list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]


def put_foreign(aws: Emulator, key: str, body: bytes = b"theirs") -> None:
    s3_of(aws).put_object(Bucket=BUCKET, Key=key, Body=body)
