"""The retries of `predict` with an emulated SageMaker."""

from __future__ import annotations

from typing import Any

import pytest

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.errors import LgbmSmError
from lgbm_sm.invocation.retries import Retries
from lgbm_sm.invocation.transport import RuntimeSender
from tests.cloud.emulator import Emulator, Moment
from tests.cloud.s3.conftest import account  # noqa: F401 - a fixture

pytestmark = [pytest.mark.slow]

INVOKE = "sagemaker-runtime:InvokeEndpoint"
HEADERS = {"Content-Type": "text/csv", "Accept": "text/csv"}


def model_error(status: int) -> dict[str, Any]:
    said = "it failed"
    return {
        "code": "ModelError",
        "message": said,
        "status": 424,
        "OriginalMessage": said,
        "OriginalStatusCode": status,
    }


def attempts(aws: Emulator, account: AwsAccount, *, is_our_code: bool) -> int:  # noqa: F811
    """Return how often a request was sent that had only bad answers.

    Checks that each retry was reported after a short pause.
    """
    aws.faults.calls.clear()
    told: list[str] = []
    slept: list[float] = []

    def sleep(seconds: float) -> bool:
        slept.append(seconds)
        return False

    sender = RuntimeSender("e", account, HEADERS, 1, read_seconds=1)
    retries = Retries(sender, lambda: is_our_code, told.append, sleep)
    try:
        assert retries.send(b"1,2\n", "the rows from row 1 on").status != 200
    except LgbmSmError:
        pass
    finally:
        retries.close()
    sent = aws.faults.operations().count(INVOKE)
    assert len(told) == len(slept) == sent - 1
    assert sum(slept) <= 15.5
    assert slept == sorted(slept)
    return sent


@pytest.mark.parametrize(
    ("fault", "with_our_code", "with_a_users"),
    [
        ({"code": "ThrottlingException", "message": "Rate exceeded"}, 6, 6),
        ({"code": "ServiceUnavailable", "message": "try later", "status": 503}, 6, 6),
        ({"code": "ModelNotReadyException", "message": "loading", "status": 429}, 6, 6),
        (model_error(503), 6, 6),
        (model_error(500), 1, 1),
        (model_error(400), 1, 1),
        (model_error(429), 1, 1),
        (model_error(0), 1, 1),  # the platform's word for a time-out
        ({"code": "InternalFailure", "message": "sorry", "status": 500}, 3, 1),
        ({"code": "ValidationError", "message": "no such endpoint"}, 1, 1),
    ],
    ids=lambda value: f"{value['code']}{value.get('OriginalStatusCode', '')}" if isinstance(value, dict) else "",
)
def test_a_refused_request_is_sent_again_where_the_model_has_not_seen_it(
    aws_without_engine: Emulator,
    account: AwsAccount,  # noqa: F811
    fault: dict[str, Any],
    with_our_code: int,
    with_a_users: int,
) -> None:
    aws_without_engine.faults.fail(INVOKE, times=100, **fault)
    assert attempts(aws_without_engine, account, is_our_code=True) == with_our_code
    assert attempts(aws_without_engine, account, is_our_code=False) == with_a_users


def test_a_request_whose_answer_was_lost_is_sent_again_only_to_our_own_code(
    aws_without_engine: Emulator,
    account: AwsAccount,  # noqa: F811
) -> None:
    aws_without_engine.faults.break_connection(INVOKE, Moment.BEFORE, times=100)
    assert attempts(aws_without_engine, account, is_our_code=True) == 3
    assert attempts(aws_without_engine, account, is_our_code=False) == 1


def test_a_request_that_takes_too_long_is_never_sent_again(
    aws_without_engine: Emulator,
    account: AwsAccount,  # noqa: F811
) -> None:
    aws_without_engine.faults.slow[INVOKE] = 3
    assert attempts(aws_without_engine, account, is_our_code=True) == 1
