"""A bucket of the caller's account in S3: its objects, versions and open uploads."""

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
"""Called with the bytes of each chunk of a transfer; with a negative number if a chunk has to be sent again."""

_SHA256 = "lgbm-sm-sha256"  # metadata of each object, in hexadecimal digits
_DELETED_AT_ONCE = 1000  # the maximum of DeleteObjects
_CONTENT_TYPES = {
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".json": "application/json",
    ".py": "text/x-python",
    ".txt": "text/plain",
}


def default_bucket_name(account: AwsAccount) -> str:
    """Return the name of the bucket that SageMaker's SDK also uses by default."""
    return f"sagemaker-{account.region}-{account.account_id}"


def ensure_bucket(account: AwsAccount, name: str, *, tags: Tags, kms_key: str = "") -> bool:
    """Create the bucket in the account's region if it does not exist; return whether it was created.

    Raises:
        AwsError: see `S3Bucket.exists` and `S3Bucket.create`.
    """
    bucket = S3Bucket(account, name, kms_key)
    return not bucket.exists() and bucket.create(tags)


@dataclass(frozen=True)
class StoredVersion:
    """A version of an object, or a delete marker, which has no content; `size` is in bytes."""

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
    """The content of an object; `etag` is that of the current version, and empty if the object was deleted."""

    content: bytes
    etag: str


class S3Bucket:
    """A bucket, which must belong to the account.

    Methods raise AwsError if AWS refuses a call, or does not answer. `kms_key` encrypts new objects; without a key, the
    bucket's default encryption is used.
    """

    def __init__(self, account: AwsAccount, name: str, kms_key: str = "") -> None:
        self.name = name
        self._account = account
        self._kms_key = kms_key
        self._s3 = account.client("s3")
        self._what = f"bucket {name}"
        # the default name can be guessed: no data is sent to a bucket that somebody else has created with it
        self._bucket = {"Bucket": name, "ExpectedBucketOwner": account.account_id}

    def uri(self, key: str) -> str:
        """Return the address of an object."""
        return f"s3://{self.name}/{key}"

    def exists(self) -> bool:
        """Return whether it exists.

        Raises:
            AwsError: it belongs to another account, is in another region, or may not be read.
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
        """Create it, private and encrypted, with these tags; return False if it exists by then."""
        region = self._account.region
        # S3 refuses us-east-1 as a location constraint
        location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            with self._errors():
                self._s3.create_bucket(Bucket=self.name, **location)
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
            # both are S3's defaults for a new bucket; explicit settings do not depend on that
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
        """Return its tags; none if it does not exist."""
        answer = self._ask("get_bucket_tagging", unless="NoSuchTagSet")
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]} if answer else {}

    def delete(self) -> list[str]:
        """Delete it if it is empty; harmless if it is gone. Return the reasons if it could not be deleted."""
        try:
            self._ask("delete_bucket")
        except AwsError as error:
            if error.code != "BucketNotEmpty":
                raise
            return ["it contains objects that lgbm-sm did not create"]
        return []

    def find_sha256(self, key: str) -> str | None:
        """Return the digest of an object's content; None if the object does not exist, "" if it has no digest."""
        answer = self._ask("head_object", unless="404", Key=key, ChecksumMode="ENABLED")
        if answer is None:
            return None
        # an object that was sent in parts, with a dash in its ETag, has a checksum of the parts' checksums
        if "ChecksumSHA256" in answer and "-" not in answer["ETag"]:
            return base64.b64decode(answer["ChecksumSHA256"]).hex()
        return str(answer["Metadata"].get(_SHA256, ""))

    def send(self, file: LocalFile, key: str, advance: Advance) -> None:
        """Send a file, completely or not at all: a large one in parts, which are aborted if it fails.

        Raises:
            DataError: the file has changed since its digest was calculated.
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
        """Return the newest content of an object, even a deleted one; None if no version is left."""
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
        """Write JSON only if the object still has this `etag` (empty: does not exist); return whether it did."""
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
        """Return all versions below `prefix`, the current one of a key first; none if the bucket does not exist."""
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
        """Return the open multipart uploads below `prefix`."""
        pages = self._pages("list_multipart_uploads", prefix)
        return [OpenUpload(entry["Key"], entry["UploadId"]) for page in pages for entry in page.get("Uploads", ())]

    def abort(self, uploads: Iterable[OpenUpload]) -> None:
        """Abort multipart uploads; harmless if they are gone."""
        for upload in uploads:
            self._ask("abort_multipart_upload", unless="NoSuchUpload", Key=upload.key, UploadId=upload.upload_id)

    def delete_versions(self, versions: Collection[StoredVersion]) -> list[str]:
        """Delete these versions permanently; harmless if they are gone.

        Return the reasons if any could not be deleted.
        """
        objects = [{"Key": version.key, "VersionId": version.version_id} for version in versions]
        left = []
        for start in range(0, len(objects), _DELETED_AT_ONCE):
            batch = {"Objects": objects[start : start + _DELETED_AT_ONCE], "Quiet": True}
            answer = self._ask("delete_objects", Delete=batch) or {}
            left += [f"{self.uri(error['Key'])}: {error['Message']}" for error in answer.get("Errors", ())]
        return left

    def delete_below(self, prefix: str) -> list[str]:
        """Delete all versions and open uploads below `prefix`. Return the reasons if any could not be deleted."""
        self.abort(self.open_uploads(prefix))
        return self.delete_versions(self.versions(prefix))

    @property
    def _encryption(self) -> dict[str, str]:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._kms_key} if self._kms_key else {}

    def _errors(self) -> Any:
        return aws_errors(self._what)

    def _not_ours(self, code: str) -> AwsError:
        return AwsError(
            f"bucket {self.name} does not belong to account {self._account.account_id}, or access is denied",
            "set aws.bucket to a bucket of this account, or allow the identity s3:ListBucket",
            code,
        )

    def _elsewhere(self, region: str, code: str = "") -> AwsError:
        return AwsError(
            f"bucket {self.name} is in {region}: SageMaker in {self._account.region} cannot use it",
            "set aws.region to the region of the bucket, or aws.bucket to another bucket",
            code,
        )

    def _ask(self, operation: str, *, unless: str = "NoSuchBucket", **parameters: Any) -> dict[str, Any] | None:
        """Return the answer, or None if the bucket or the key does not exist, or if AWS's code is `unless`."""
        is_missing = has_code("NoSuchBucket", "NoSuchKey", unless)
        return self._account.find("s3", operation, self._what, is_missing, **self._bucket, **parameters)

    def _pages(self, operation: str, prefix: str) -> Iterator[dict[str, Any]]:
        is_missing = has_code("NoSuchBucket")
        return self._account.find_pages("s3", operation, self._what, is_missing, **self._bucket, Prefix=prefix)
