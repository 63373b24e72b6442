"""The objects of a project in a bucket. A manifest in the bucket lists them; it is written before the objects."""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from lgbm_sm.aws.s3 import S3Bucket, StoredText, StoredVersion
from lgbm_sm.aws.s3_files import LocalFile
from lgbm_sm.errors import AwsError

Progress = Callable[[int, int], None]
"""A function that gets the bytes sent so far and the total. Several threads call it, but never at the same time."""

_ATTEMPTS = 5  # another command may write the same manifest at the same time


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of a manifest.

    `objects` are keys without their common prefix. So a manifest cannot list objects outside the prefix.
    """

    format_version: Literal[1] = 1
    project: str
    objects: frozenset[str]


@dataclass(frozen=True)
class UploadResult:
    """The result of an upload.

    `sent` and `unchanged` are addresses of objects. `held` contains the names of all objects of the project.
    """

    sent: tuple[str, ...]
    unchanged: tuple[str, ...]
    held: frozenset[str]


@dataclass(frozen=True)
class StoredObject:
    """An object with all its versions. `size` is the sum of the versions in bytes.

    `open_uploads` is the number of multipart uploads that were not completed. AWS bills their parts too.
    """

    uri: str
    size: int
    versions: int
    open_uploads: int


class ProjectObjects:
    """The objects below `<prefix>/<project>/` that the project's manifest lists.

    In an earlier layout, all projects shared `<prefix>/`. Objects of that layout are still found and deleted, but new
    objects are never added to it. Methods raise AwsError if AWS refuses a call, or does not answer.
    """

    def __init__(self, bucket: S3Bucket, prefix: str, project: str) -> None:
        self._bucket = bucket
        self._project = project
        self._own = _Listed(bucket, f"{prefix}/{project}/", f"{prefix}/{project}/.lgbm-sm/manifest.json", project)
        self._earlier = _ListedBeside(bucket, f"{prefix}/", f"{prefix}/.lgbm-sm/{project}.json", project)

    def key(self, name: str) -> str:
        """Return the key of an object. `name` is the path of the object below `<prefix>/<project>/`."""
        return self._own.root + name

    def uri(self, name: str) -> str:
        """Return the address of the object with this name."""
        return self._bucket.uri(self.key(name))

    def upload(self, files: Mapping[str, LocalFile], progress: Progress | None = None) -> UploadResult:
        """Send the changed files. `files` maps the names of objects to local files.

        After an interrupted upload, call this again. It aborts the open multipart uploads of the changed files, and
        does not send the files that have already arrived.

        Raises:
            DataError: a file changes during the upload.
            AwsError: a key belongs to an object that this project did not create, or AWS refuses a call.
        """
        held = self._own.names() or frozenset()
        changed = [name for name, file in files.items() if self._bucket.find_sha256(self.key(name)) != file.sha256]
        self._require_replaceable([name for name in changed if name not in held])
        # an equal object that somebody else created is used, but is not added to the manifest: cleanup leaves it
        self._own.add(changed)
        self._own.abort({self.key(name) for name in changed})
        self._send({name: files[name] for name in changed}, progress)
        unchanged = [self.uri(name) for name in files if name not in changed]
        return UploadResult(tuple(map(self.uri, changed)), tuple(unchanged), held.union(changed))

    def _require_replaceable(self, names: Collection[str]) -> None:
        """Raise AwsError if one of these keys is in use. `cleanup` would also delete older versions of that object."""
        occupied = [
            self._bucket.uri(key)
            for key in map(self.key, names)
            if any(version.key == key for version in self._bucket.versions(key))
        ]
        if occupied:
            raise AwsError(
                f"the upload would replace objects that project {self._project} did not create: {', '.join(occupied)}",
                "set aws.prefix to a prefix that nothing else uses",
            )

    def _send(self, files: Mapping[str, LocalFile], progress: Progress | None) -> None:
        sent = _Sent(sum(file.size for file in files.values()), progress)
        for name, file in files.items():
            self._bucket.send(file, self.key(name), sent.advance)

    def list_ours(self) -> list[StoredObject]:
        """Return the project's objects, including the manifests."""
        return [stored for listed in (self._own, self._earlier) for stored in listed.stored()]

    def list_foreign(self, folder: str) -> list[str]:
        """Return the addresses of the objects below a folder that do not belong to the project."""
        names = self._own.names() or frozenset()
        keys = {version.key for version in self._bucket.versions(self.key(folder))}
        return [self._bucket.uri(key) for key in sorted(keys - {self.key(name) for name in names})]

    def delete_folders(self, folders: Collection[str]) -> list[str]:
        """Delete the project's objects below these folders. Return a reason for each that could not be deleted."""
        return [left for listed in (self._own, self._earlier) for left in listed.delete_below(folders)]

    def delete(self) -> list[str]:
        """Delete the project's objects with all their versions, then the manifests. Ignore objects that do not exist.

        Return a reason for each object that could not be deleted. A manifest stays until all its objects are deleted.
        """
        return [left for listed in (self._own, self._earlier) for left in listed.delete()]


class _Listed:
    """The objects below `root` that a manifest lists."""

    def __init__(self, bucket: S3Bucket, root: str, manifest_key: str, project: str) -> None:
        self.root = root
        self._bucket = bucket
        self._manifest_key = manifest_key
        self._project = project

    def names(self) -> frozenset[str] | None:
        """Return the keys in the manifest, without `root`, or None if there is no manifest."""
        found = self._bucket.find_text(self._manifest_key)
        return self._parsed(found, self._manifest_key).objects if found else None

    def add(self, names: Collection[str]) -> None:
        """Add objects to the list before they are sent."""
        for _ in range(_ATTEMPTS):
            found = self._bucket.find_text(self._manifest_key)
            held = self._parsed(found, self._manifest_key).objects if found else frozenset()
            etag = found.etag if found else ""
            if held.issuperset(names) and (etag or not names):
                return
            content = {"format_version": 1, "project": self._project, "objects": sorted(held.union(names))}
            if self._bucket.replace_text(self._manifest_key, json.dumps(content, indent=2) + "\n", etag):
                return
        uri = self._bucket.uri(self._manifest_key)
        raise AwsError(f"could not write {uri}: other commands also write to it now", "run the command again")

    def stored(self) -> list[StoredObject]:
        """Return the objects, including the manifest."""
        names = self.names()
        if names is None:
            return []
        keys = {*self._keys(names), self._manifest_key}
        versions: dict[str, list[StoredVersion]] = defaultdict(list)
        for version in self._bucket.versions(self.root):
            versions[version.key].append(version)
        uploads = Counter(upload.key for upload in self._bucket.open_uploads(self.root))
        return [
            StoredObject(
                self._bucket.uri(key),
                sum(version.size for version in versions[key]),
                len(versions[key]),
                uploads[key],
            )
            for key in sorted({*versions, *uploads})
            if key in keys
        ]

    def delete_below(self, folders: Collection[str]) -> list[str]:
        below = tuple(self.root + folder for folder in folders)
        return self._delete({key for key in self._keys(self.names() or ()) if key.startswith(below)})

    def delete(self) -> list[str]:
        keys = self._keys(self.names() or ())
        self.abort(keys)
        if left := self._delete(keys):
            return left
        manifests = self._bucket.versions(self._manifest_key)
        return self._bucket.delete_versions([version for version in manifests if version.key == self._manifest_key])

    def abort(self, keys: Collection[str]) -> None:
        """Abort the open uploads of these objects. A killed command leaves open uploads."""
        if keys:
            self._bucket.abort(upload for upload in self._bucket.open_uploads(self.root) if upload.key in keys)

    def _keys(self, names: Collection[str]) -> set[str]:
        return {self.root + name for name in names}

    def _delete(self, keys: Collection[str]) -> list[str]:
        versions = self._bucket.versions(self.root) if keys else []
        return self._bucket.delete_versions([version for version in versions if version.key in keys])

    def _parsed(self, found: StoredText, key: str) -> _Manifest:
        try:
            return msgspec.json.decode(found.content, type=_Manifest)
        except msgspec.DecodeError as error:
            raise AwsError(
                f"{self._bucket.uri(key)} is not a manifest that this version of lgbm-sm can read: {error}",
                "use the version of lgbm-sm that wrote the manifest: only the manifest lists the project's objects",
            ) from error


class _ListedBeside(_Listed):
    """The earlier layout, in which several projects could use the same object. Such an object is not deleted."""

    def names(self) -> frozenset[str] | None:
        names = super().names()
        if names is None:
            return None
        folder = self._manifest_key.rpartition("/")[0] + "/"
        keys = {version.key for version in self._bucket.versions(folder)} - {self._manifest_key}
        found = {key: self._bucket.find_text(key) for key in keys if key.endswith(".json")}
        others = [self._parsed(text, key).objects for key, text in found.items() if text and text.etag]
        return names.difference(*others)


class _Sent:
    """The number of bytes that all threads of an upload have sent."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._so_far = 0
        self._lock = threading.Lock()

    def advance(self, more: int) -> None:
        with self._lock:
            self._so_far += more
            if self._progress:
                self._progress(self._so_far, self._total)
