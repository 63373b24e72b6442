"""The record keeps the images and repositories of `push` if AWS cannot be reached."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lgbm_sm.aws.resources.pushed_image import PushedImage
from lgbm_sm.aws.resources.repository import Repository
from lgbm_sm.record.entries import Place
from lgbm_sm.record.record import Record
from tests.cli.conftest import CommandLine

WHERE: dict[str, Any] = {
    "project": "demo",
    "place": Place.AWS,
    "created_at": datetime(2026, 11, 24, tzinfo=UTC),
    "account": "123456789012",
    "region": "eu-central-1",
    "repository": "demo",
}
NO_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def pushed(lgbm_sm: CommandLine) -> CommandLine:
    """A record with a repository and an image in it. Nobody here has access to the account."""
    record = Record(lgbm_sm.folder / ".lgbm-sm")
    address = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/demo:1"
    record.add(Repository(name="123456789012/eu-central-1/demo", **WHERE))
    record.add(PushedImage(name=address, digests=("sha256:1",), **WHERE))
    lgbm_sm.environment |= NO_ACCOUNT
    return lgbm_sm


def test_status_says_why_it_does_not_know(pushed: CommandLine) -> None:
    items = json.loads(pushed("status", "--output", "json", exit_code=6).stdout)["items"]
    assert [(item["kind"], item["state"]) for item in items] == [
        ("pushed_image", "Unknown"),
        ("repository", "Unknown"),
    ]
    assert "Unable to locate credentials" in items[0]["remark"]


def test_cleanup_leaves_it_on_record_and_says_so(pushed: CommandLine) -> None:
    left = pushed("cleanup", "--yes", exit_code=11)
    for arn in ("repository/demo:1", "repository/demo"):
        assert (
            f"  arn:aws:ecr:eu-central-1:123456789012:{arn}: could not determine the AWS identity (sts:GetCallerIdentity)"
            in left.stderr
        )
    assert len(Record(pushed.folder / ".lgbm-sm").aws_entries()) == 2


def test_cleanup_leaves_alone_what_is_to_be_kept(pushed: CommandLine) -> None:
    kept = pushed("cleanup", "--yes", "--keep", "pushed-images,repository", exit_code=11)
    # what else is there, nobody could say
    assert (
        "  AWS: resources at AWS that are not on record: could not determine the AWS identity (sts:GetCallerIdentity)"
        in kept.stderr
    )
    assert "arn:aws:ecr" not in kept.stderr
    assert len(Record(pushed.folder / ".lgbm-sm").aws_entries()) == 2


def test_push_says_what_is_missing_when_there_are_no_credentials(lgbm_sm: CommandLine) -> None:
    lgbm_sm.environment |= NO_ACCOUNT
    refused = lgbm_sm("push", exit_code=6)
    assert (
        "could not determine the AWS identity (sts:GetCallerIdentity): Unable to locate credentials" in refused.stderr
    )
    assert "hint: run `aws configure`, or set AWS_PROFILE" in refused.stderr


def test_push_names_the_profile_when_there_is_no_such(lgbm_sm: CommandLine) -> None:
    lgbm_sm.environment |= {**NO_ACCOUNT, "AWS_PROFILE": "nobody"}
    refused = lgbm_sm("push", exit_code=6)
    assert "error: The config profile (nobody) could not be found" in refused.stderr


def test_push_has_nothing_to_push_for_awss_own_image(lgbm_sm: CommandLine) -> None:
    lgbm_sm.environment |= NO_ACCOUNT
    said = lgbm_sm("push", "--set", "container.pattern=script_mode", "--output", "json")
    assert json.loads(said.stdout) == {"images": []}
    assert "it needs no push" in said.stderr
