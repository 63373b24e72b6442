"""S3 as this program needs it: a bucket that is the caller's, and what is put there, fetched and taken away."""

import base64
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from lgbm_sm.aws.account import AwsAccount, aws_errors, has_code
from lgbm_sm.aws.s3_files import LocalFile, require_same, transfer
from lgbm_sm.aws.tags import Tags, as_list
from lgbm_sm.errors import AwsError, DataError

Advance = Callable[[int], None]
"""Told of each piece of a transfer: how many bytes more; fewer where a piece has to be sent again."""

_SHA256 = "lgbm-sm-sha256"  # metadata of each object, in hexadecimal digits
_DELETED_AT_ONCE = 1000  # the most that DeleteObjects takes
_CONTENT_TYPES = {
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".json": "application/json",
    ".py": "text/x-python",
    ".txt": "text/plain",
}


def default_bucket_name(account: AwsAccount) -> str:
    """The bucket that SageMaker's SDK uses too."""
    return f"sagemaker-{account.region}-{account.account_id}"


def ensure_bucket(account: AwsAccount, name: str, *, tags: Tags, kms_key: str = "") -> bool:
    """See that the account has the bucket in its region; returns whether it was made here.

    Raises:
        AwsError: see `S3Bucket.exists` and `S3Bucket.create`.
    """
    bucket = S3Bucket(account, name, kms_key)
    return not bucket.exists() and bucket.create(tags)


@dataclass(frozen=True)
class StoredVersion:
    """One version of an object, or a delete marker, which has no content; `size` in bytes."""

    key: str
    version_id: str
    size: int
    is_marker: bool


@dataclass(frozen=True)
class OpenUpload:
    """A multipart upload that was neither completed nor aborted; its parts are billed."""

    key: str
    upload_id: str


class StoredText(NamedTuple):
    """Content of an object; `etag` names it while it is what the key holds, and is empty where it was deleted."""

    content: bytes
    etag: str


class S3Bucket:
    """One bucket by its name, which has to be the account's own.

    Each function raises AwsError when AWS refuses the call, or does not answer. `kms_key` encrypts what is put here;
    without one the bucket's own setting holds, which is never none.
    """

    def __init__(self, account: AwsAccount, name: str, kms_key: str = "") -> None:
        self.name = name
        self._account = account
        self._kms_key = kms_key
        self._s3 = account.client("s3")
        self._what = f"bucket {name}"
        # names of buckets can be guessed: data goes into no bucket that somebody else has made under such a name
        self._bucket = {"Bucket": name, "ExpectedBucketOwner": account.account_id}

    def uri(self, key: str) -> str:
        """The address of an object."""
        return f"s3://{self.name}/{key}"

    def exists(self) -> bool:
        """Whether it is there.

        Raises:
            AwsError: it is another account's, or in another region, or not ours to look at.
        """
        try:
            with self._errors():
                answer = self._s3.head_bucket(**self._bucket)
        except AwsError as error:
            if error.code == "404":
                return False
            if error.code in ("403", "AccessDenied"):
                raise self._not_ours(error.code) from error
            if error.code in ("301", "PermanentRedirect"):
                raise self._elsewhere("another region", error.code) from error
            raise
        region = answer.get("BucketRegion", self._account.region)
        if region != self._account.region:
            raise self._elsewhere(region)
        return True

    def create(self, tags: Tags) -> bool:
        """Make it, private and encrypted, with these tags; False where the account has got it meanwhile."""
        region = self._account.region
        # the region that S3 takes for its first refuses to be named
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            with self._errors():
                self._s3.create_bucket(Bucket=self.name, **place)
        except AwsError as error:
            if error.code == "BucketAlreadyOwnedByYou":
                return False
            if error.code == "BucketAlreadyExists":
                raise self._not_ours(error.code) from error
            raise
        encryption = {"SSEAlgorithm": "AES256"}
        if self._kms_key:
            encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self._kms_key}
        with self._errors():
            # a new bucket of S3's is both by itself; said here, it does not hang on that
            self._s3.put_public_access_block(
                **self._bucket,
                PublicAccessBlockConfiguration=dict.fromkeys(
                    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
                ),
            )
            self._s3.put_bucket_encryption(
                **self._bucket,
                ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": encryption}]},
            )
        if tags:
            with aws_errors(f"bucket {self.name} was created, but its tags (aws.tags)", "could not be set"):
                self._s3.put_bucket_tagging(**self._bucket, Tagging={"TagSet": as_list(tags)})
        return True

    def tags(self) -> dict[str, str]:
        """Its tags; none where there is no such bucket."""
        answer = self._ask("get_bucket_tagging", unless="NoSuchTagSet")
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]} if answer else {}

    def delete(self) -> list[str]:
        """Delete it when it is empty; harmless when it is gone. Returns why it is left."""
        try:
            self._ask("delete_bucket")
        except AwsError as error:
            if error.code != "BucketNotEmpty":
                raise
            return ["it holds objects that lgbm-sm has not put there"]
        return []

    def find_sha256(self, key: str) -> str | None:
        """The digest of an object's content; None where there is no such object, "" where nothing tells it."""
        answer = self._ask("head_object", unless="404", Key=key, ChecksumMode="ENABLED")
        if answer is None:
            return None
        # an object that has come in parts (its ETag tells) has a checksum of its parts' checksums
        if "ChecksumSHA256" in answer and "-" not in answer["ETag"]:
            return base64.b64decode(answer["ChecksumSHA256"]).hex()
        return str(answer["Metadata"].get(_SHA256, ""))

    def send(self, file: LocalFile, key: str, advance: Advance) -> None:
        """Put a file there, whole or not at all; a large one in parts, of which none stay when it fails.

        Raises:
            DataError: the file has changed since its digest was taken.
        """
        arguments = {
            "ChecksumAlgorithm": "SHA256",
            "ContentType": _CONTENT_TYPES.get(file.path.suffix, "application/octet-stream"),
            "ExpectedBucketOwner": self._account.account_id,
            "Metadata": {_SHA256: file.sha256},
            **self._encryption,
        }
        try:
            with file.path.open("rb") as content, transfer(self.uri(key)) as settings:
                require_same(file, os.fstat(content.fileno()))
                self._s3.upload_fileobj(content, self.name, key, ExtraArgs=arguments, Callback=advance, Config=settings)
            require_same(file, file.path.stat())
        except OSError as error:
            raise DataError(f"{file.path} cannot be read: {error.strerror}") from error

    def find_text(self, key: str) -> StoredText | None:
        """The newest content of an object; None where there is none. Deleted content counts while a version is left."""
        versions = [version for version in self.versions(key) if version.key == key]
        for version in versions:
            if not version.is_marker:
                answer = self._ask("get_object", unless="NoSuchVersion", Key=key, VersionId=version.version_id)
                if answer is not None:
                    with aws_errors(self.uri(key)):
                        content = answer["Body"].read()
                    return StoredText(content, "" if versions[0].is_marker else answer["ETag"])
        return None

    def replace_text(self, key: str, text: str, etag: str) -> bool:
        """Write JSON where still that is there which has the `etag`, or nothing where it is empty; False otherwise."""
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            with aws_errors(self.uri(key)):
                self._s3.put_object(
                    **self._bucket,
                    **condition,
                    **self._encryption,
                    Key=key,
                    Body=text.encode(),
                    ContentType="application/json",
                )
        except AwsError as error:
            if error.code not in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"):
                raise
            return False
        return True

    def versions(self, prefix: str) -> list[StoredVersion]:
        """Everything below `prefix`, for each key what holds first; nothing where there is no such bucket."""
        found = []
        for page in self._pages("list_object_versions", prefix):
            entries = [(entry, False) for entry in page.get("Versions", ())]
            entries += [(entry, True) for entry in page.get("DeleteMarkers", ())]
            entries.sort(key=lambda entry: not entry[0]["IsLatest"])
            found += [
                StoredVersion(entry["Key"], entry["VersionId"], entry.get("Size", 0), is_marker)
                for entry, is_marker in entries
            ]
        return found

    def open_uploads(self, prefix: str) -> list[OpenUpload]:
        """The multipart uploads below `prefix` that are open."""
        pages = self._pages("list_multipart_uploads", prefix)
        return [OpenUpload(entry["Key"], entry["UploadId"]) for page in pages for entry in page.get("Uploads", ())]

    def abort(self, uploads: Iterable[OpenUpload]) -> None:
        """Abort multipart uploads; harmless when they are gone."""
        for upload in uploads:
            self._ask("abort_multipart_upload", unless="NoSuchUpload", Key=upload.key, UploadId=upload.upload_id)

    def delete_versions(self, versions: Collection[StoredVersion]) -> list[str]:
        """Delete these for good; harmless when they are gone. Returns why any is left."""
        objects = [{"Key": version.key, "VersionId": version.version_id} for version in versions]
        left = []
        for start in range(0, len(objects), _DELETED_AT_ONCE):
            batch = {"Objects": objects[start : start + _DELETED_AT_ONCE], "Quiet": True}
            answer = self._ask("delete_objects", Delete=batch) or {}
            left += [f"{self.uri(error['Key'])}: {error['Message']}" for error in answer.get("Errors", ())]
        return left

    def delete_below(self, prefix: str) -> list[str]:
        """Delete everything below `prefix`, open uploads too; harmless when it is gone. Returns why any is left."""
        self.abort(self.open_uploads(prefix))
        return self.delete_versions(self.versions(prefix))

    @property
    def _encryption(self) -> dict[str, str]:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._kms_key} if self._kms_key else {}

    def _errors(self) -> Any:
        return aws_errors(self._what)

    def _not_ours(self, code: str) -> AwsError:
        return AwsError(
            f"bucket {self.name} belongs to another account than {self._account.account_id}, or may not be used",
            "set aws.bucket to a bucket of this account, or allow the identity s3:ListBucket",
            code,
        )

    def _elsewhere(self, region: str, code: str = "") -> AwsError:
        return AwsError(
            f"bucket {self.name} is in {region}, and SageMaker in {self._account.region} cannot use it",
            "set aws.region to that of the bucket, or aws.bucket to another bucket",
            code,
        )

    def _ask(self, operation: str, *, unless: str = "NoSuchBucket", **parameters: Any) -> dict[str, Any] | None:
        """Return the answer, or None if the bucket or the key does not exist, or if AWS's code is `unless`."""
        is_missing = has_code("NoSuchBucket", "NoSuchKey", unless)
        return self._account.find("s3", operation, self._what, is_missing, **self._bucket, **parameters)

    def _pages(self, operation: str, prefix: str) -> Iterator[dict[str, Any]]:
        is_missing = has_code("NoSuchBucket")
        return self._account.find_pages("s3", operation, self._what, is_missing, **self._bucket, Prefix=prefix)
