"""The faults of the emulated AWS. They end with the test."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, HTTPClientError

from tests.cloud.emulator import Call, ConnectionBrokenError, Emulator, Moment
from tests.cloud.test_emulator_services import refused
from tests.contract.serving import wait_until


@pytest.mark.parametrize(
    ("service", "operation", "throttled", "expired"),
    [
        ("s3", "list_buckets", "SlowDown", "ExpiredToken"),
        ("sts", "get_caller_identity", "Throttling", "ExpiredToken"),
        ("iam", "list_roles", "Throttling", "ExpiredToken"),
        ("sagemaker", "list_endpoints", "ThrottlingException", "ExpiredTokenException"),
        ("ecr", "describe_repositories", "ThrottlingException", "ExpiredTokenException"),
        ("logs", "describe_log_groups", "ThrottlingException", "ExpiredTokenException"),
    ],
)
def test_faults_are_each_services_own(
    service: str, operation: str, throttled: str, expired: str, aws_without_engine: Emulator
) -> None:
    call = getattr(aws_without_engine.client(service), operation)
    aws_without_engine.faults.throttle_every = 3
    call()
    call()
    assert refused(call)[0] == throttled
    call()
    aws_without_engine.faults.throttle_every = 0
    aws_without_engine.faults.credentials_expired = True
    assert refused(call)[0] == expired
    assert aws_without_engine.faults.calls[-1].refused == expired


def test_an_operation_fails_as_often_as_it_is_told_to(aws_without_engine: Emulator) -> None:
    call = aws_without_engine.client("sagemaker").list_models
    aws_without_engine.faults.fail("sagemaker:ListModels", "InternalFailure", "no", 500, times=2)
    aws_without_engine.client("sagemaker").list_endpoints()
    assert [refused(call) for _ in range(2)] == [("InternalFailure", "no")] * 2
    call()


@pytest.mark.parametrize("moment", Moment)
def test_a_connection_breaks_before_or_after_the_call_is_carried_out(
    moment: Moment, aws_without_engine: Emulator
) -> None:
    client = aws_without_engine.client("ecr")
    aws_without_engine.faults.break_connection("ecr:CreateRepository", moment)
    with pytest.raises((HTTPClientError, EndpointConnectionError)):
        client.create_repository(repositoryName="model")
    assert len(client.describe_repositories()["repositories"]) == (moment is Moment.AFTER)


def test_an_observer_sees_each_call_and_can_take_its_answer_away(aws_without_engine: Emulator) -> None:
    seen: list[str] = []

    def observe(call: Call, moment: Moment) -> None:
        seen.append(f"{call} {moment}")
        if len(seen) == 3:
            raise ConnectionBrokenError

    aws_without_engine.faults.observers.append(observe)
    client = aws_without_engine.client("sagemaker")
    client.list_models()
    with pytest.raises(HTTPClientError):
        client.list_models()
    assert seen == ["sagemaker:ListModels before", "sagemaker:ListModels after", "sagemaker:ListModels before"]


def test_a_call_takes_as_long_as_it_is_told_to(aws_without_engine: Emulator) -> None:
    aws_without_engine.faults.slow["sagemaker:ListModels"] = 0.3
    began = time.monotonic()
    aws_without_engine.client("sagemaker").list_models()
    assert time.monotonic() - began >= 0.3


def test_a_call_that_was_under_way_at_a_reset_gets_no_answer_and_does_not_count(aws_without_engine: Emulator) -> None:
    aws = aws_without_engine
    aws.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    under_way = threading.Event()
    aws.faults.observers.append(lambda *_: under_way.set())
    aws.faults.slow["s3:PutObject"] = 60
    with ThreadPoolExecutor(1) as executor:
        put = executor.submit(aws.client("s3").put_object, Bucket="bucket", Key="a", Body=b"1")
        assert under_way.wait(30)
        aws.reset()
        with pytest.raises(HTTPClientError):
            put.result(30)
    assert (aws.faults.calls, aws.permissions.asked) == ([], set())
    assert aws.client("s3").list_buckets()["Buckets"] == []


def test_who_has_the_access_key_of_an_earlier_test_is_refused_and_not_recorded(aws_without_engine: Emulator) -> None:
    aws = aws_without_engine
    earlier = aws.environment()
    session = boto3.Session(earlier["AWS_ACCESS_KEY_ID"], earlier["AWS_SECRET_ACCESS_KEY"], region_name="eu-west-1")
    client = session.client("s3", endpoint_url=aws.url)
    client.list_buckets()
    aws.reset()
    assert refused(client.list_buckets)[0] == "InvalidAccessKeyId"
    assert (aws.faults.calls, aws.permissions.asked) == ([], set())


def test_a_client_that_goes_while_it_is_refused_is_no_error(
    aws_without_engine: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    aws = aws_without_engine
    aws.permissions.policy = {"Statement": []}
    credential = f"{aws.access_key}/20260101/eu-west-1/s3/aws4_request"
    head = (
        f"PUT /bucket/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
        f"Authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(aws.url.rpartition(":")[2]))) as client:
        client.sendall(head.encode() + b"1")
        wait_until(lambda: [one.refused for one in aws.faults.calls] == ["AccessDenied"])
    aws.reset()  # waits for it
    assert caplog.records == []
