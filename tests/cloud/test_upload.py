"""`prepare-data --upload` against an emulated S3: what is there afterwards, and what cleanup takes away again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cloud.emulator import ACCOUNT, Emulator

pytestmark = [pytest.mark.slow]

BUCKET = f"sagemaker-eu-west-1-{ACCOUNT}"


@pytest.fixture
def lgbm_sm(aws_without_engine: Emulator, fork_server: ForkServer, tmp_path: Path) -> CommandLine:
    """In the emulated account, which is empty."""
    environment = {**aws_without_engine.environment(), "HOME": str(tmp_path)}
    return ForkedCommandLine(tmp_path, environment, server=fork_server)


def keys(aws: Emulator, bucket: str = BUCKET) -> list[str]:
    return [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_the_channels_are_where_training_jobs_read_them(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    said = json.loads(lgbm_sm("prepare-data", "--upload", "--output", "json").stdout)["uploaded"]
    assert said["channels"] == {
        "train": f"s3://{BUCKET}/demo_lightgbm/train/",
        "validation": f"s3://{BUCKET}/demo_lightgbm/valid/",
        "schema": f"s3://{BUCKET}/demo_lightgbm/schema/",
    }
    assert (said["sent"], said["unchanged"]) == (3, 0)
    assert keys(aws_without_engine) == [
        "demo_lightgbm/.lgbm-sm/sagemaker-lightgbm-regression.json",
        "demo_lightgbm/schema/schema.json",
        "demo_lightgbm/train/boston_train.csv",
        "demo_lightgbm/valid/boston_valid.csv",
    ]
    body = aws_without_engine.client("s3").get_object(Bucket=BUCKET, Key="demo_lightgbm/train/boston_train.csv")["Body"]
    assert body.read() == (lgbm_sm.folder / "data" / "train" / "boston_train.csv").read_bytes()


def test_what_is_there_unchanged_is_not_sent_again(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data", "--upload")
    before = aws_without_engine.faults.operations().count("s3:PutObject")
    again = lgbm_sm("prepare-data", "--upload", "--set", "data.random_state=45")
    assert again.stderr.count("(unchanged)") >= 3
    assert aws_without_engine.faults.operations().count("s3:PutObject") == before


def test_files_of_an_earlier_data_set_go_and_somebody_elses_are_named(
    aws_without_engine: Emulator, lgbm_sm: CommandLine
) -> None:
    lgbm_sm("prepare-data", "--upload")
    aws_without_engine.client("s3").put_object(Bucket=BUCKET, Key="demo_lightgbm/train/theirs.csv", Body=b"1")
    said = lgbm_sm("prepare-data", "--upload", "--set", "data.name=diabetes").stderr
    assert [key for key in keys(aws_without_engine) if "/train/" in key] == [
        "demo_lightgbm/train/diabetes_train.csv",
        "demo_lightgbm/train/theirs.csv",
    ]
    assert f"s3://{BUCKET}/demo_lightgbm/train/theirs.csv: lgbm-sm has not put it there" in said


def test_cleanup_takes_what_was_uploaded_and_nothing_else(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data", "--upload")
    aws_without_engine.client("s3").put_object(Bucket=BUCKET, Key="demo_lightgbm/train/theirs.csv", Body=b"1")
    [item] = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    assert (item["kind"], item["state"], item["name"]) == ("upload", "Available", f"s3://{BUCKET}/demo_lightgbm/")
    assert "nothing left" in lgbm_sm("cleanup", "--yes").stdout
    assert keys(aws_without_engine) == ["demo_lightgbm/train/theirs.csv"]
    assert (lgbm_sm.folder / "data" / "train" / "boston_train.csv").exists()


def test_a_named_bucket_is_not_made(aws_without_engine: Emulator, lgbm_sm: CommandLine) -> None:
    refused = lgbm_sm("prepare-data", "--upload", "--set", "aws.bucket=no-such-bucket-here", exit_code=6)
    assert "aws.bucket: no-such-bucket-here: there is no such bucket" in refused.stderr
    assert aws_without_engine.client("s3").list_buckets()["Buckets"] == []


def test_the_region_and_account_are_said_before_anything_is_sent(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    said = lgbm_sm("prepare-data", "--upload", "--set", "aws.region=us-east-1").stderr
    account, upload = (line for line in said.splitlines() if line.startswith("==> ") and "Data set" not in line)
    assert account == f"==> AWS account {ACCOUNT}, us-east-1"
    assert upload == f"==> Upload to s3://sagemaker-us-east-1-{ACCOUNT}/demo_lightgbm/"


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
