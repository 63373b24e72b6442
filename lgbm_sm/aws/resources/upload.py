"""The project's objects in S3: data for training jobs, outputs of jobs, and artifacts for endpoints."""

from collections.abc import Iterator

from lgbm_sm.aws.account import AwsAccount, partition_of
from lgbm_sm.aws.policy_scope import PolicyScope, Statement, allow
from lgbm_sm.aws.resources.kind import Found, Group, ResourceKind, Search, availability
from lgbm_sm.aws.s3 import S3Bucket, default_bucket_name
from lgbm_sm.aws.s3_manifest import ProjectObjects
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.record.entries import AwsEntry, Endpoint, Observation, RecordedEntry, TrainingJob

DATA = Group("data", "data upload in S3", "data uploads in S3")


class Upload(AwsEntry, frozen=True, kw_only=True, tag="upload"):
    """The project's objects below a prefix in a bucket. `name` is the address of the project's folder."""

    bucket: str
    prefix: str


class Uploads(ResourceKind[Upload]):
    """The kind "upload". A manifest in the bucket lists the project's objects. The bucket itself is never deleted."""

    entry_type = Upload
    group = DATA
    deletion = "s3:DeleteObjects for the objects that the project's manifest lists"
    kept_because = "the data in S3 are kept, because a kept endpoint or job reads them"

    def arn(self, entry: Upload) -> str:
        return f"arn:{partition_of(entry.region)}:s3:::{entry.name.removeprefix('s3://')}"

    def observe(self, entry: Upload, account: AwsAccount) -> Observation:
        return availability(entry, exists=bool(_objects(entry, account).list_ours()))

    def delete(self, entry: Upload, account: AwsAccount, patience: Patience) -> list[str]:  # noqa: ARG002 - nothing to wait for
        return _objects(entry, account).delete()

    def search(self, search: Search) -> Iterator[Found]:
        """Find the manifest in the bucket of the configuration, or in the default bucket."""
        bucket = S3Bucket(search.account, search.section.bucket or default_bucket_name(search.account))
        if not bucket.exists():
            return
        objects = ProjectObjects(bucket, search.section.prefix, search.project)
        if objects.list_ours():
            name, prefix = objects.uri(""), search.section.prefix
            yield Found(Upload(name=name, bucket=bucket.name, prefix=prefix, **search.fields()), {})

    def is_same(self, entry: Upload, other: RecordedEntry) -> bool:
        """Return whether both entries are for the same objects. Entries of the earlier layout have other names."""
        return isinstance(other, Upload) and (entry.bucket, entry.prefix, entry.project) == (
            other.bucket,
            other.prefix,
            other.project,
        )

    def is_needed_by(self, entry: Upload, other: RecordedEntry, *, running: bool | None) -> bool:  # noqa: ARG002
        is_job_running = isinstance(other, TrainingJob) and running is not False
        return not other.is_local and (is_job_running or isinstance(other, Endpoint))

    def statements(self, scope: PolicyScope) -> list[Statement]:
        objects = f"{scope.bucket_arn}/{scope.prefix}/*"
        below_prefix = {"StringLike": {"s3:prefix": f"{scope.prefix}/*"}}
        statements = [
            # for HeadBucket; without this permission, S3 answers 403 if an object does not exist
            allow("LookAtBucket", "s3", ("ListBucket",), [scope.bucket_arn]),
            allow("FindVersions", "s3", ("ListBucketVersions",), [scope.bucket_arn], below_prefix),
            # no s3:prefix condition here: AWS does not support it for this action, and would deny every call
            allow("FindUploads", "s3", ("ListBucketMultipartUploads",), [scope.bucket_arn]),
            allow("ReadObjects", "s3", ("GetObject", "GetObjectVersion"), [objects]),
            # a large file is sent in parts; a failed upload is aborted
            allow("WriteObjects", "s3", ("AbortMultipartUpload", "PutObject"), [objects]),
            # cleanup deletes all versions of an object by their ids
            allow("DeleteObjects", "s3", ("DeleteObjectVersion",), [objects]),
        ]
        if scope.may_make_bucket:
            creation = ("CreateBucket", "PutBucketPublicAccessBlock", "PutEncryptionConfiguration")
            tagging = ("PutBucketTagging",) if scope.tags_bucket else ()
            statements.append(allow("MakeBucket", "s3", (*creation, *tagging), [scope.bucket_arn]))
        return statements


def _objects(entry: Upload, account: AwsAccount) -> ProjectObjects:
    return ProjectObjects(S3Bucket(account, entry.bucket), entry.prefix, entry.project)
