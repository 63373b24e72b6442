"""The account as SageMaker itself uses it: S3, log groups and roles."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends

from tests.cloud.emulator.calls import ACCOUNT, PLATFORM_KEY, AwsError


def split_uri(uri: str) -> tuple[str, str]:
    """Return the bucket and the key in an s3:// URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


class Account:
    """Calls the emulator at `url`.

    These calls are not recorded, and faults do not affect them.
    """

    def __init__(self, url: str) -> None:
        self._session = boto3.Session(PLATFORM_KEY, "secret", region_name="us-east-1")
        self._url = url
        self._s3 = self._client("s3", "us-east-1")
        self._logs: dict[str, Any] = {}
        self._lock = threading.Lock()

    def _client(self, service: str, region: str) -> Any:
        settings = Config(retries={"total_max_attempts": 1}, max_pool_connections=20)
        return self._session.client(service, region_name=region, endpoint_url=self._url, config=settings)

    def close(self) -> None:
        for client in (self._s3, *self._logs.values()):
            client.close()

    def objects(self, prefix_uri: str) -> Iterator[tuple[str, bytes]]:
        """Yield the relative path and the content of each object below a prefix.

        Raises ClientError if the bucket does not exist.
        """
        bucket, prefix = split_uri(prefix_uri)
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                key = item["Key"]
                name = key.rpartition("/")[2] if key == prefix else key[len(prefix) :].lstrip("/")
                if not key.endswith("/"):
                    yield name, self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def has_objects(self, prefix_uri: str) -> bool:
        """Raises ClientError when the bucket is not there."""
        bucket, prefix = split_uri(prefix_uri)
        count: int = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)["KeyCount"]
        return count > 0

    def read(self, uri: str) -> bytes | None:
        """Return the content, or None if the object or the bucket does not exist."""
        bucket, key = split_uri(uri)
        try:
            content: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError:
            return None
        return content

    def write(self, uri: str, content: bytes) -> None:
        """Raises ClientError when the bucket is not there."""
        bucket, key = split_uri(uri)
        self._s3.put_object(Bucket=bucket, Key=key, Body=content)

    def log(self, region: str, group: str, stream: str) -> LogStream:
        """Create a log stream, and its group if necessary."""
        with self._lock:
            client = self._logs.setdefault(region, self._client("logs", region))
        for create, names in (
            (client.create_log_group, {"logGroupName": group}),
            (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
                create(**names)
        return LogStream(client, group, stream)


@dataclass(frozen=True)
class LogStream:
    client: Any
    group: str
    stream: str

    def write(self, lines: list[str]) -> None:
        """Write lines to the stream. CloudWatch accepts no empty line.

        As in CloudWatch, lines that come after the deletion of the group are lost.
        """
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line or " "} for line in lines]
        try:
            self.client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=events)
        except self.client.exceptions.ResourceNotFoundException:
            return


def check_role(role_arn: str) -> None:
    """Raise AwsError unless the role exists and trusts SageMaker."""
    refusal = AwsError(
        "ValidationException",
        f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role.",
    )
    try:
        role = iam_backends[ACCOUNT]["aws"].get_role_by_arn(role_arn)
    except NotFoundException as error:
        raise refusal from error
    document = json.loads(unquote(role.assume_role_policy_document))
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        services = statement.get("Principal", {}).get("Service", [])
        if statement["Effect"] == "Allow" and "sagemaker.amazonaws.com" in (
            [services] if isinstance(services, str) else services
        ):
            return
    raise refusal
