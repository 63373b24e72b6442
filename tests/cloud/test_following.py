"""A training job just after its creation, when SageMaker does not show it yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lgbm_sm.aws.account import Accounts, AwsAccount
from lgbm_sm.backends.sagemaker.creation import CreatedError
from lgbm_sm.backends.sagemaker.training import SageMakerTrainer
from lgbm_sm.config.sections import Config, TrainingSection
from lgbm_sm.console import Console, OutputFormat
from lgbm_sm.following import Following, follow
from lgbm_sm.record.entries import Place, TrainingJob
from lgbm_sm.record.record import Record
from tests.backends.test_sagemaker_creation import Clock
from tests.cloud.emulator import Emulator
from tests.cloud.s3.stored import connect_to

pytestmark = [pytest.mark.slow]


@dataclass
class OneAccount(Accounts):
    """The accounts of a command: the same account in each region."""

    account: AwsAccount

    def get(self, region: str | None, account_id: str | None = None) -> AwsAccount:  # noqa: ARG002 - there is only one
        return self.account


def test_a_job_that_stays_invisible_for_a_minute_is_named_as_billed_and_not_stopped(
    aws_without_engine: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock, record = Clock(), Record(tmp_path / ".lgbm-sm")
    reporter = Console(output=OutputFormat.TEXT, verbose=False, environment={})
    trainer = SageMakerTrainer(
        accounts=OneAccount(connect_to(aws_without_engine, monkeypatch, "eu-west-1")),
        config=Config(training=TrainingSection(max_runtime_seconds=60)),
        record=record,
        reporter=reporter,
        make_tags=dict,
        is_wanted=False,
        patience=clock.patience,
    )
    job = TrainingJob(
        name="demo-1", project="demo", place=Place.AWS, created_at=datetime.now(UTC), folder=record.jobs_path / "demo-1"
    )
    record.add(job)
    with pytest.raises(CreatedError, match="demo-1 exists and is billed, but its state cannot be read") as caught:
        follow(job, replace(trainer.follow(job), is_new=True), Following(record, trainer, reporter))
    assert (
        caught.value.hint == "`lgbm-sm train --attach demo-1` waits for the job, `lgbm-sm cleanup` stops and deletes it"
    )
    assert clock.now == 60
    assert record.training_jobs() == (job,)
    assert {one for one in aws_without_engine.faults.operations() if one.startswith("sagemaker:")} == {
        "sagemaker:DescribeTrainingJob"
    }
