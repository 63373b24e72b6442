"""Creating a resource on SageMaker: refused, visible only later, or created at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lgbm_sm.aws.account import aws_errors
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.backends.sagemaker.creation import CreatedError, create, describe_created
from lgbm_sm.errors import AwsError

NO_MODEL = 'Could not find model "arn:aws:sagemaker:eu-west-1:123456789012:model/demo-1".'
TAKEN = 'Cannot create already existing endpoint "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/demo".'


@dataclass
class Clock:
    """A clock whose time passes only during `sleep`."""

    now: float = 0.0
    patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self.patience = Patience(clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def answers(*given: tuple[str, str, str] | Mapping[str, Any] | None) -> Callable[[], Mapping[str, Any] | None]:
    """Return a function that returns these answers in turn, and then repeats the last one.

    A tuple (operation, code, message) is a refusal.
    """
    rest = list(given)

    def call() -> Mapping[str, Any] | None:
        answer = rest.pop(0) if len(rest) > 1 else rest[0]
        if isinstance(answer, tuple):
            operation, code, message = answer
            raise ClientError({"Error": {"Code": code, "Message": message}}, operation)
        return answer

    return call


def find(call: Callable[[], Mapping[str, Any] | None]) -> Callable[[], Mapping[str, Any] | None]:
    def found() -> Mapping[str, Any] | None:
        with aws_errors("endpoint demo"):
            return call()

    return found


def test_a_create_whose_describe_is_denied_is_done() -> None:
    denied = ("DescribeEndpoint", "AccessDeniedException", "not authorized to perform: sagemaker:DescribeEndpoint")
    assert create("endpoint demo", answers(denied), Clock().patience)


@pytest.mark.parametrize(
    ("code", "message"), [("ValidationException", TAKEN), ("ResourceInUse", "Training job names must be unique")]
)
def test_a_name_that_is_taken_is_told_from_other_refusals(code: str, message: str) -> None:
    assert not create("endpoint demo", answers(("CreateEndpoint", code, message)), Clock().patience)
    with pytest.raises(AwsError, match="endpoint demo cannot be created: ResourceLimitExceeded"):
        create("endpoint demo", answers(("CreateEndpoint", "ResourceLimitExceeded", "0")), Clock().patience)


def test_a_create_is_tried_again_while_what_it_names_is_not_visible() -> None:
    clock = Clock()
    refused = ("CreateEndpointConfig", "ValidationException", NO_MODEL)
    assert create("endpoint config demo-1", answers(refused, refused, {}), clock.patience, needs=["Demo-1"])
    assert 0 < clock.now < 20
    with pytest.raises(AwsError, match="Could not find model"):
        create("endpoint config demo-1", answers(refused), clock.patience, needs=["Demo-1"])
    assert 20 <= clock.now < 45
    before = clock.now
    with pytest.raises(AwsError, match="Could not find model"):
        create("endpoint config demo-1", answers(refused), clock.patience, needs=["demo-12"])
    assert clock.now == before


def test_a_describe_just_after_a_create_is_asked_again_for_a_minute() -> None:
    clock = Clock()
    denied = ("DescribeEndpoint", "AccessDeniedException", "not authorized")
    asked = find(answers(None, denied, {"EndpointStatus": "Creating"}))
    found = describe_created("endpoint demo", asked, clock.patience, follow="")
    assert found == {"EndpointStatus": "Creating"}
    clock.now = 0
    with pytest.raises(CreatedError) as caught:
        describe_created("endpoint demo", find(answers(denied)), clock.patience, follow="`lgbm-sm status` shows it")
    assert caught.value.message.startswith("endpoint demo exists and is billed, but its state cannot be read: ")
    assert caught.value.message.endswith("AccessDeniedException: not authorized")
    assert caught.value.hint.endswith("; `lgbm-sm status` shows it")
    assert clock.now == pytest.approx(60)


def test_a_describe_that_fails_otherwise_ends_at_once_and_says_that_the_resource_exists() -> None:
    clock = Clock()
    expired = ("DescribeEndpoint", "ExpiredTokenException", "The security token is expired")
    with pytest.raises(CreatedError, match="endpoint demo exists and is billed") as caught:
        describe_created("endpoint demo", find(answers(expired)), clock.patience, follow="`lgbm-sm cleanup` deletes it")
    assert caught.value.hint.endswith("; `lgbm-sm cleanup` deletes it")
    assert clock.now == 0
