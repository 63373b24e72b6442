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
"""A function that gets the size of each sent chunk. The size is negative if a chunk must be sent again."""

_SHA256 = "lgbm-sm-sha256"  # the metadata of an object that contains its SHA-256 in hexadecimal digits
_DELETED_AT_ONCE = 1000  # DeleteObjects accepts at most this many
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
    """Create the bucket in the account's region if it does not exist. Return whether it was created.

    Raises:
        AwsError: the bucket belongs to another account, is in another region, or AWS refuses a call.
    """
    bucket = S3Bucket(account, name, kms_key)
    return not bucket.exists() and bucket.create(tags)


@dataclass(frozen=True)
class StoredVersion:
    """A version of an object, or a delete marker. A delete marker has no content. `size` is in bytes."""

    key: str
    version_id: str
    size: int
    is_marker: bool


@dataclass(frozen=True)
class OpenUpload:
    """A multipart upload that was not completed or aborted. AWS bills its parts."""

    key: str
    upload_id: str


class StoredText(NamedTuple):
    """The content of an object. `etag` is the ETag of the current version. It is empty if the object was deleted."""

    content: bytes
    etag: str


class S3Bucket:
    """A bucket of the account.

    `kms_key` encrypts new objects. Without a key, the default encryption of the bucket is used. Methods raise AwsError
    if AWS refuses a call, or does not answer.
    """

    def __init__(self, account: AwsAccount, name: str, kms_key: str = "") -> None:
        self.name = name
        self._account = account
        self._kms_key = kms_key
        self._s3 = account.client("s3")
        self._what = f"bucket {name}"
        # somebody else could guess the default name and create that bucket; S3 then refuses the call
        self._bucket = {"Bucket": name, "ExpectedBucketOwner": account.account_id}

    def uri(self, key: str) -> str:
        """Return the address of an object."""
        return f"s3://{self.name}/{key}"

    def exists(self) -> bool:
        """Return whether the bucket exists.

        Raises:
            AwsError: the bucket belongs to another account, is in another region, or AWS denies access to it.
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
        """Create the bucket: private, encrypted, and with these tags. Return False if it already exists."""
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
            # S3 uses the same defaults for new buckets today; explicit settings do not depend on the defaults
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
        """Return the tags of the bucket. The result is empty if the bucket does not exist."""
        answer = self._ask("get_bucket_tagging", unless="NoSuchTagSet")
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]} if answer else {}

    def delete(self) -> list[str]:
        """Delete the bucket if it is empty. Return the reason if it is not. Do nothing if it does not exist."""
        try:
            self._ask("delete_bucket")
        except AwsError as error:
            if error.code != "BucketNotEmpty":
                raise
            return ["it contains objects that lgbm-sm did not create"]
        return []

    def find_sha256(self, key: str) -> str | None:
        """Return the SHA-256 of an object. Return None if the object does not exist, "" if its SHA-256 is unknown."""
        answer = self._ask("head_object", unless="404", Key=key, ChecksumMode="ENABLED")
        if answer is None:
            return None
        # a dash in the ETag means: the object was sent in parts, and S3's checksum is not the SHA-256 of the content
        if "ChecksumSHA256" in answer and "-" not in answer["ETag"]:
            return base64.b64decode(answer["ChecksumSHA256"]).hex()
        return str(answer["Metadata"].get(_SHA256, ""))

    def send(self, file: LocalFile, key: str, advance: Advance) -> None:
        """Send a file. The object is created completely or not at all.

        A large file is sent in parts. If one part fails, the upload is aborted.

        Raises:
            DataError: the file has changed since its checksum was calculated, or the file cannot be read.
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
        """Return the newest content of an object, also if the object was deleted. Return None if no version is left."""
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
        """Write JSON to an object if the object still has this `etag`. Return whether it was written.

        An empty `etag` means that the object must not exist yet.
        """
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
        """Return all versions of the objects below `prefix`. The current version of an object comes first.

        The list is empty if the bucket does not exist.
        """
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
        """Abort multipart uploads. Ignore uploads that do not exist."""
        for upload in uploads:
            self._ask("abort_multipart_upload", unless="NoSuchUpload", Key=upload.key, UploadId=upload.upload_id)

    def delete_versions(self, versions: Collection[StoredVersion]) -> list[str]:
        """Delete these versions permanently. Ignore versions that do not exist.

        Return a reason for each version that could not be deleted.
        """
        objects = [{"Key": version.key, "VersionId": version.version_id} for version in versions]
        left = []
        for start in range(0, len(objects), _DELETED_AT_ONCE):
            batch = {"Objects": objects[start : start + _DELETED_AT_ONCE], "Quiet": True}
            answer = self._ask("delete_objects", Delete=batch) or {}
            left += [f"{self.uri(error['Key'])}: {error['Message']}" for error in answer.get("Errors", ())]
        return left

    def delete_below(self, prefix: str) -> list[str]:
        """Delete all versions and open uploads below `prefix`. Return a reason for each that could not be deleted."""
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
        """Return the answer. Return None if the bucket or the key does not exist, or if the error code is `unless`."""
        is_missing = has_code("NoSuchBucket", "NoSuchKey", unless)
        return self._account.find("s3", operation, self._what, is_missing, **self._bucket, **parameters)

    def _pages(self, operation: str, prefix: str) -> Iterator[dict[str, Any]]:
        is_missing = has_code("NoSuchBucket")
        return self._account.find_pages("s3", operation, self._what, is_missing, **self._bucket, Prefix=prefix)
