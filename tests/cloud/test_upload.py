"""`prepare-data --upload` with an emulated S3, and cleanup after it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cloud.emulator import ACCOUNT, Emulator

pytestmark = [pytest.mark.slow]

BUCKET = f"sagemaker-eu-west-1-{ACCOUNT}"
OURS = "demo_lightgbm/sagemaker-lightgbm-regression"


@pytest.fixture
def lgbm_sm(aws_without_engine: Emulator, fork_server: ForkServer, tmp_path: Path) -> CommandLine:
    """A command line in the empty emulated account."""
    environment = {**aws_without_engine.environment(), "HOME": str(tmp_path)}
    return ForkedCommandLine(tmp_path, environment, server=fork_server)


def keys(aws: Emulator, bucket: str = BUCKET) -> list[str]:
    return [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def uploaded(lgbm_sm: CommandLine, *arguments: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(lgbm_sm("prepare-data", "--upload", "--output", "json", *arguments).stdout)
    return said["uploaded"]  # type: ignore[no-any-return]


def key_of(uri: str) -> str:
    return uri.removeprefix(f"s3://{BUCKET}/")


def test_the_channels_are_where_training_jobs_read_them(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    said = uploaded(lgbm_sm)
    folder = said["channels"]["train"].removesuffix("train/")
    assert re.fullmatch(rf"s3://{BUCKET}/{OURS}/channels/[0-9a-f]{{16}}/", folder)
    assert said["channels"] == {
        "train": f"{folder}train/",
        "validation": f"{folder}valid/",
        "schema": f"{folder}schema/",
    }
    assert (said["sent"], said["unchanged"]) == (3, 0)
    assert keys(aws_without_engine) == [
        f"{OURS}/.lgbm-sm/manifest.json",
        f"{key_of(folder)}schema/schema.json",
        f"{key_of(folder)}train/boston_train.csv",
        f"{key_of(folder)}valid/boston_valid.csv",
    ]
    stored = aws_without_engine.client("s3").get_object(Bucket=BUCKET, Key=f"{key_of(folder)}train/boston_train.csv")
    assert stored["Body"].read() == (lgbm_sm.folder / "data" / "train" / "boston_train.csv").read_bytes()


def test_what_is_there_unchanged_is_not_sent_again(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data", "--upload")
    before = aws_without_engine.faults.operations().count("s3:PutObject")
    again = lgbm_sm("prepare-data", "--upload", "--set", "data.random_state=45")
    assert again.stderr.count("(unchanged)") >= 3
    assert aws_without_engine.faults.operations().count("s3:PutObject") == before


def test_another_data_set_gets_keys_of_its_own_and_the_earlier_stays_until_cleanup(
    aws_without_engine: Emulator, lgbm_sm: CommandLine
) -> None:
    uploaded(lgbm_sm)
    data = [key for key in keys(aws_without_engine) if "/.lgbm-sm/" not in key]
    before = {key: stored(aws_without_engine, key) for key in data}
    other = lgbm_sm("prepare-data", "--upload", "--set", "data.random_state=7")
    assert set(before) < set(keys(aws_without_engine))
    assert {key: stored(aws_without_engine, key) for key in before} == before
    assert "data sets of earlier uploads: 1; kept until `lgbm-sm cleanup`" in other.stderr
    assert len([key for key in keys(aws_without_engine) if "/channels/" in key]) == 6
    assert "nothing left" in lgbm_sm("cleanup", "--yes").stdout
    assert keys(aws_without_engine) == []


def stored(aws: Emulator, key: str) -> bytes:
    content: bytes = aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return content


def test_somebody_elses_file_in_a_channel_is_named_and_stays(
    aws_without_engine: Emulator, lgbm_sm: CommandLine
) -> None:
    train = uploaded(lgbm_sm)["channels"]["train"]
    aws_without_engine.client("s3").put_object(Bucket=BUCKET, Key=f"{key_of(train)}theirs.csv", Body=b"1")
    assert f"{train}theirs.csv was not created by lgbm-sm" in lgbm_sm("prepare-data", "--upload").stderr
    [item] = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    assert (item["kind"], item["state"], item["name"]) == ("upload", "Available", f"s3://{BUCKET}/{OURS}/")
    assert "nothing left" in lgbm_sm("cleanup", "--yes").stdout
    assert keys(aws_without_engine) == [f"{key_of(train)}theirs.csv"]
    assert (lgbm_sm.folder / "data" / "train" / "boston_train.csv").exists()


def test_two_projects_in_a_bucket_share_no_key(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    uploaded(lgbm_sm)
    first = set(keys(aws_without_engine))
    uploaded(lgbm_sm, "--set", "project.name=sagemaker")
    second = set(keys(aws_without_engine)) - first
    assert len(second) == 4
    assert {key.split("/")[1] for key in second} == {"sagemaker"}
    lgbm_sm("cleanup", "--yes", "--aws", "--set", "project.name=sagemaker")


def test_what_was_uploaded_in_the_layout_before_is_shown_once_and_cleaned_up(
    aws_without_engine: Emulator, lgbm_sm: CommandLine
) -> None:
    s3 = aws_without_engine.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    names = ["schema/schema.json", "train/boston_train.csv", "valid/boston_valid.csv"]
    project = OURS.partition("/")[2]
    manifest = json.dumps({"format_version": 1, "project": project, "objects": names})
    s3.put_object(Bucket=BUCKET, Key=f"demo_lightgbm/.lgbm-sm/{project}.json", Body=manifest.encode())
    for name in names:
        s3.put_object(Bucket=BUCKET, Key=f"demo_lightgbm/{name}", Body=b"1,2\n")
    entry = {
        "kind": "upload",
        "name": f"s3://{BUCKET}/demo_lightgbm/",
        "project": project,
        "place": "aws",
        "created_at": "2026-11-01T00:00:00Z",
        "account": ACCOUNT,
        "region": "eu-west-1",
        "bucket": BUCKET,
        "prefix": "demo_lightgbm",
    }
    (lgbm_sm.folder / ".lgbm-sm").mkdir()
    (lgbm_sm.folder / ".lgbm-sm/record.json").write_text(json.dumps({"format_version": 1, "entries": [entry]}))
    for _ in range(2):
        assert len(json.loads(lgbm_sm("status", "--aws", "--output", "json").stdout)["items"]) == 1
        lgbm_sm("prepare-data", "--upload")
    assert set(keys(aws_without_engine)) > {f"demo_lightgbm/{name}" for name in names}
    assert "nothing left" in lgbm_sm("cleanup", "--yes").stdout
    assert keys(aws_without_engine) == []


def test_a_named_bucket_is_not_made(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    refused = lgbm_sm("prepare-data", "--upload", "--set", "aws.bucket=no-such-bucket-here", exit_code=6)
    assert "aws.bucket: bucket no-such-bucket-here does not exist" in refused.stderr
    assert aws_without_engine.client("s3").list_buckets()["Buckets"] == []


def test_the_region_and_account_are_said_before_anything_is_sent(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    said = lgbm_sm("prepare-data", "--upload", "--set", "aws.region=us-east-1").stderr
    account, upload = (line for line in said.splitlines() if line.startswith(("==> AWS", "==> Upload")))
    assert account == f"==> AWS account {ACCOUNT}, us-east-1"
    assert upload.startswith(f"==> Upload to s3://sagemaker-us-east-1-{ACCOUNT}/{OURS}/channels/")


def test_a_bucket_that_is_made_carries_the_users_own_tags(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data", "--upload", "--set", 'aws.tags={CostCenter: "42", "a:b/c": d e}')
    tags = aws_without_engine.client("s3").get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    # the bucket is the account's, so it carries no project's tag
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"CostCenter": "42", "a:b/c": "d e"}


def test_what_a_tag_policy_refuses_is_explained(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    refusal = "The tag policy does not allow the specified value for the following tag key: 'CostCenter'."
    aws_without_engine.faults.fail("s3:PutBucketTagging", "AccessDenied", refusal, 403)
    refused = lgbm_sm("prepare-data", "--upload", "--set", "aws.tags.CostCenter=43", exit_code=6).stderr
    assert f"bucket {BUCKET} was created, but its tags (aws.tags) could not be set: AccessDenied: {refusal}" in refused
    assert "hint: set the key in aws.tags to a value that the tag policy allows" in refused
