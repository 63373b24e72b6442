"""The channels on their way to S3, where training jobs read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lgbm_sm.aws import AwsAccount
from lgbm_sm.config import AwsSection
from lgbm_sm.entries import Place, Upload
from lgbm_sm.errors import AwsError
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Record
from lgbm_sm.s3 import S3Bucket, default_bucket_name, ensure_bucket
from lgbm_sm.s3_manifest import ProjectObjects


@dataclass(frozen=True)
class UploadedChannels:
    """Channel name to the address that a job is given; how many files were sent, and how many were there already.

    Below `output_uri` a job puts what it has made.
    """

    uris: Mapping[str, str]
    output_uri: str
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
    objects = open_objects(section, project=project, account=account, record=record, now=now)
    reporter.step(f"Upload to {objects.uri('')}")
    files = {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": path
        for folder in channels.values()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    result = objects.upload(files, lambda sent, total: reporter.progress("sent", sent, total))
    # a job reads all that lies in a channel's folder
    for left in objects.delete_outdated([f"{folder.name}/" for folder in channels.values()], files):
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
    return UploadedChannels(uris, objects.uri("output/"), len(result.sent), len(result.unchanged))


def open_objects(
    section: AwsSection, *, project: str, account: AwsAccount, record: Record, now: datetime
) -> ProjectObjects:
    """The project's objects in its bucket, which are on record from now on. The default bucket is made where missing.

    Raises:
        AwsError: another bucket is named and there is none, or AWS refuses a call.
    """
    name = section.bucket or default_bucket_name(account)
    bucket = S3Bucket(account, name, section.kms_key or "")
    objects = ProjectObjects(bucket, section.prefix, project)
    record.add(
        Upload(
            name=objects.uri(""),
            project=project,
            place=Place.AWS,
            created_at=now,
            account=account.account_id,
            region=account.region,
            bucket=name,
            prefix=section.prefix,
        )
    )
    if section.bucket is None:
        ensure_bucket(account, name, tags=section.tags, kms_key=section.kms_key or "")
    elif not bucket.exists():
        raise AwsError(f"aws.bucket: {name}: there is no such bucket", "make it, or leave aws.bucket out")
    return objects
