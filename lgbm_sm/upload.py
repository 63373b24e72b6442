"""The channels on their way to S3, where training jobs read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lgbm_sm.aws import AwsAccount
from lgbm_sm.config import AwsSection
from lgbm_sm.errors import AwsError
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Place, Record, Upload
from lgbm_sm.s3 import S3Bucket, default_bucket_name, ensure_bucket
from lgbm_sm.s3_manifest import ProjectObjects


@dataclass(frozen=True)
class UploadedChannels:
    """Channel name to the address that a job is given; how many files were sent, and how many were there already."""

    uris: Mapping[str, str]
    sent: int
    unchanged: int


def upload_channels(
    channels: Mapping[str, Path],
    section: AwsSection,
    *,
    project: str,
    account: AwsAccount,
    record: Record,
    reporter: Reporter,
    now: datetime,
) -> UploadedChannels:
    """Put the folders (by channel name) under `<prefix>/<folder's name>/`.

    What is there unchanged is not sent again, and files of an earlier data set go. The default bucket is made where it
    is missing, another one is not.

    Raises:
        AwsError: there is no such bucket, or something else lies where the files should, or AWS refuses a call.
        DataError: a file cannot be read.
    """
    bucket = _bucket(section, account)
    objects = ProjectObjects(bucket, section.prefix, project)
    reporter.step(f"Upload to {objects.uri('')}: account {account.account_id}, {account.region}")
    entry = Upload(
        name=objects.uri(""),
        project=project,
        place=Place.AWS,
        created_at=now,
        account=account.account_id,
        region=account.region,
        bucket=bucket.name,
        prefix=section.prefix,
    )
    record.add(entry)
    files = {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": path
        for folder in channels.values()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    result = objects.upload(files, lambda sent, total: reporter.trace(f"{sent} of {total} bytes"))
    # a job reads all that lies in a channel's folder
    for left in objects.delete_all_but(files):
        reporter.warn(f"{left}: an earlier data set's, and jobs would read it too")
    folders = tuple(objects.uri(f"{folder.name}/") for folder in channels.values())
    for foreign in objects.list_foreign():
        if foreign.uri.startswith(folders):
            reporter.warn(f"{foreign.uri}: lgbm-sm has not put it there, and jobs would read it too")
    for uri in result.sent:
        reporter.detail(f"{uri} (sent)")
    for uri in result.unchanged:
        reporter.detail(f"{uri} (unchanged)")
    uris = {channel: objects.uri(f"{folder.name}/") for channel, folder in channels.items()}
    return UploadedChannels(uris, len(result.sent), len(result.unchanged))


def _bucket(section: AwsSection, account: AwsAccount) -> S3Bucket:
    if section.bucket is None:
        name = default_bucket_name(account)
        ensure_bucket(account, name, tags={})
        return S3Bucket(account, name)
    bucket = S3Bucket(account, section.bucket)
    if not bucket.exists():
        raise AwsError(f"aws.bucket: {section.bucket}: there is no such bucket", "make it, or leave aws.bucket out")
    return bucket
