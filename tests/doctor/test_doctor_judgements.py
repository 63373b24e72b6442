"""The results of `doctor` for a clock, a trust policy and quotas."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lgbm_sm.config.instance_types import InstancePurpose
from lgbm_sm.doctor.account import judge_clock
from lgbm_sm.doctor.findings import Status
from lgbm_sm.doctor.quotas import Quota, WantedInstances, judge_quota
from lgbm_sm.doctor.role import trusts_sagemaker


@pytest.mark.parametrize(
    ("seconds", "status", "words"),
    [
        (0, "ok", "within 1 s"),
        (-149, "ok", "within 149 s"),
        (200, "warning", "200 s ahead of AWS's"),
        (-400, "problem", "400 s behind AWS's"),
    ],
)
def test_a_clock_is_wrong_when_aws_would_refuse_its_time(seconds: int, status: str, words: str) -> None:
    finding = judge_clock(timedelta(seconds=seconds))
    assert finding.status == status
    assert words in finding.message


SAGEMAKER = {"Service": "sagemaker.amazonaws.com"}


@pytest.mark.parametrize(
    ("statements", "trusted"),
    [
        ([{"Effect": "Allow", "Principal": SAGEMAKER, "Action": "sts:AssumeRole"}], True),
        ({"Effect": "Allow", "Principal": SAGEMAKER, "Action": ["sts:TagSession", "sts:AssumeRole"]}, True),
        ([{"Effect": "Allow", "Principal": {"Service": ["a", *SAGEMAKER.values()]}, "Action": "sts:*"}], True),
        ([{"Effect": "Allow", "Principal": SAGEMAKER, "Action": "sts:TagSession"}], False),
        ([{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}], False),
        ([{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}], False),
        ([{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}], False),
        (
            [
                {"Effect": "Allow", "Principal": SAGEMAKER, "Action": "sts:AssumeRole"},
                {"Effect": "Deny", "Principal": SAGEMAKER, "Action": "sts:AssumeRole"},
            ],
            False,
        ),
    ],
)
def test_a_role_is_trusting_when_a_statement_lets_sagemaker_assume_it(statements: Any, trusted: bool) -> None:
    assert trusts_sagemaker({"Version": "2012-10-17", "Statement": statements}) is trusted


def quotas(**values: float) -> dict[str, Quota]:
    """Return quotas of training jobs.

    The names are a type's family and size, such as m4_xlarge.
    """
    return {
        f"ml.{name.replace('_', '.')} for training job usage": Quota(f"L-{name}", value)
        for name, value in values.items()
    }


def test_the_request_of_a_larger_quota_is_the_fix() -> None:
    wanted = WantedInstances(InstancePurpose.TRAINING, "ml.m4.2xlarge", 1)
    finding = judge_quota(wanted, quotas(m4_2xlarge=0, m5_2xlarge=1), "eu-west-1")
    assert finding.status is Status.PROBLEM
    assert finding.fix == (
        "aws service-quotas request-service-quota-increase --service-code sagemaker --quota-code L-m4_2xlarge "
        "--desired-value 1 --region eu-west-1"
    )


def test_a_type_without_a_quota_is_warned_of_and_one_with_enough_is_fine() -> None:
    wanted = WantedInstances(InstancePurpose.TRAINING, "ml.m4.2xlarge", 2)
    assert judge_quota(wanted, quotas(m5_2xlarge=2), "eu-south-2").status is Status.WARNING
    assert judge_quota(wanted, quotas(m4_2xlarge=1), "eu-west-1").status is Status.PROBLEM
    assert judge_quota(wanted, quotas(m4_2xlarge=2), "eu-west-1").status is Status.OK
