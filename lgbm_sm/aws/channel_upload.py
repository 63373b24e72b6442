"""Upload the channels (the folders of a training job's input data) to S3."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.resources.upload import Upload, Uploads
from lgbm_sm.aws.s3 import S3Bucket, default_bucket_name, ensure_bucket
from lgbm_sm.aws.s3_files import LocalFile, read_file
from lgbm_sm.aws.s3_manifest import ProjectObjects
from lgbm_sm.config.backend_sections import AwsSection
from lgbm_sm.errors import AwsError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import aws_fields
from lgbm_sm.record.record import Record

_CHANNELS = "channels/"
_DIGITS = 16  # of the SHA-256 over the files' names and contents


@dataclass(frozen=True)
class UploadedChannels:
    """The result of an upload.

    `uris` maps each channel to its address in S3. Jobs write their outputs below `output_uri`. `sent` and `unchanged`
    are numbers of files.
    """

    uris: Mapping[str, str]
    output_uri: str
    sent: int
    unchanged: int


@dataclass(frozen=True)
class ChannelSet:
    """The files of all channels. `files` maps the name of each file in S3 to the local file.

    The name of `folder` contains a checksum of the files. So a changed data set goes to a new folder, and a running job
    keeps its data.
    """

    folder: str
    files: Mapping[str, LocalFile]

    def channel_folder(self, path: Path) -> str:
        """Return the folder in S3 for the local folder of a channel."""
        return f"{self.folder}{path.name}/"


def channel_set(channels: Mapping[str, Path]) -> ChannelSet:
    """Collect the files of local folders. `channels` maps channel names to folders.

    Raises:
        DataError: a file cannot be read.
    """
    files = {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": read_file(path)
        for folder in channels.values()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    content = "".join(f"{name}\0{files[name].sha256}\n" for name in sorted(files))
    folder = f"{_CHANNELS}{hashlib.sha256(content.encode()).hexdigest()[:_DIGITS]}/"
    return ChannelSet(folder, {f"{folder}{name}": file for name, file in files.items()})


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
    """Upload local folders to the project's part of the bucket. `channels` maps channel names to folders.

    Unchanged files are not sent again. Earlier data sets stay until `cleanup`, because jobs may still read them. The
    default bucket is created if it does not exist.

    Raises:
        AwsError: the bucket does not exist, an object that is not the project's has the same key, or AWS refuses a
            call.
        DataError: a file cannot be read.
    """
    objects = open_objects(section, project=project, account=account, record=record, now=now)
    local = channel_set(channels)
    reporter.step(f"Upload to {objects.uri(local.folder)}")
    result = objects.upload(local.files, lambda sent, total: reporter.progress("sent", sent, total))
    # a job reads every object in the folder of a channel
    for foreign in objects.list_foreign(local.folder):
        if foreign not in result.unchanged:
            reporter.warn(f"{foreign} was not created by lgbm-sm, but training jobs will read it too")
    for uri in result.sent:
        reporter.detail(f"{uri} (sent)")
    for uri in result.unchanged:
        reporter.detail(f"{uri} (unchanged)")
    sets = {name.split("/")[1] for name in result.held if name.startswith(_CHANNELS)}
    if earlier := len(sets - {local.folder.split("/")[1]}):
        reporter.detail(
            f"data sets of earlier uploads: {earlier}; kept until `lgbm-sm cleanup`, because jobs may still read them"
        )
    uris = {channel: objects.uri(local.channel_folder(folder)) for channel, folder in channels.items()}
    return UploadedChannels(uris, objects.uri("output/"), len(result.sent), len(result.unchanged))


def open_objects(
    section: AwsSection, *, project: str, account: AwsAccount, record: Record, now: datetime
) -> ProjectObjects:
    """Return the project's objects in the bucket, and add them to the record.

    The default bucket is created if it does not exist.

    Raises:
        AwsError: the bucket `aws.bucket` does not exist, or AWS refuses a call.
    """
    name = section.bucket or default_bucket_name(account)
    bucket = S3Bucket(account, name, section.kms_key or "")
    objects = ProjectObjects(bucket, section.prefix, project)
    upload = Upload(name=objects.uri(""), bucket=name, prefix=section.prefix, **aws_fields(account, project, now))
    record.add(upload)
    for entry in record.of_type(Upload):
        # earlier versions used one name for all projects under a prefix
        if Uploads().is_same(entry, upload) and entry.name != upload.name:
            record.remove(entry)
    if section.bucket is None:
        ensure_bucket(account, name, tags=section.tags, kms_key=section.kms_key or "")
    elif not bucket.exists():
        raise AwsError(f"aws.bucket: bucket {name} does not exist", "create it, or omit aws.bucket")
    return objects
