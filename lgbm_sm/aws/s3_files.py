"""Read local files for uploads, download objects, and parse S3 addresses."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.errors import AwsError, DataError, UsageError

_ADDRESS = "an address has the form s3://<bucket>/<key>"
_AGAIN = "run the command again: files that were uploaded are not sent again"


class S3Location(NamedTuple):
    """The name of a bucket, and a key in the bucket. The key is empty if the address is only a bucket."""

    bucket: str
    key: str


def parse_uri(uri: str) -> S3Location:
    """Return the bucket and the key of `s3://<bucket>/<key>`.

    Raises:
        UsageError: `uri` does not have this form.
    """
    scheme, separator, path = uri.partition("://")
    bucket, _, key = path.partition("/")
    if scheme != "s3" or not separator or not bucket:
        raise UsageError(f"{uri} is not an address in S3", _ADDRESS)
    return S3Location(bucket, key)


@dataclass(frozen=True)
class LocalFile:
    """The state of a file at the time when its checksum was calculated.

    `size` is in bytes. `sha256` is in hexadecimal digits. `identity` shows later whether the file has changed.
    """

    path: Path
    size: int
    sha256: str
    identity: tuple[int, ...]


def read_file(path: Path) -> LocalFile:
    """Calculate the SHA-256 of a file.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return LocalFile(path, status.st_size, digest, _identity(status))


def download(account: AwsAccount, uri: str, path: Path) -> None:
    """Download an object to a file, and create the folder of the file.

    An existing file is replaced only after the whole object has arrived.

    Raises:
        UsageError: `uri` is not the address of an object.
        AwsError: the object does not exist, AWS refuses the call, or AWS does not answer.
        DataError: the file cannot be written.
    """
    bucket, key = parse_uri(uri)
    if not key:
        raise UsageError(f"{uri} is not the address of an object", _ADDRESS)
    s3 = account.client("s3")
    partial = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file, transfer(uri) as settings:
                s3.download_fileobj(bucket, key, file, Config=settings)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error
    except AwsError as error:
        if error.code not in ("404", "NoSuchKey", "NoSuchBucket"):
            raise
        raise AwsError(f"{uri} does not exist", f"`aws s3 ls s3://{bucket}/` lists the objects", error.code) from error


@contextmanager
def transfer(uri: str) -> Iterator[Any]:
    """Yield the settings for a boto3 transfer. Turn boto3's errors into AwsError."""
    from boto3.s3.transfer import TransferConfig
    from s3transfer.exceptions import RetriesExceededError

    try:
        with aws_errors(uri):
            # without this setting, boto3 chooses the transfer client by the machine
            yield TransferConfig(preferred_transfer_client="classic")
    except RetriesExceededError as error:
        message = f"the transfer of {uri} was not completed: {error.last_exception}"
        raise AwsError(message, "run the command again") from error


def require_same(file: LocalFile, status: os.stat_result) -> None:
    """Raise DataError if the file has changed since its checksum was calculated."""
    if _identity(status) != file.identity:
        raise DataError(f"{file.path} changed while it was uploaded", _AGAIN)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
