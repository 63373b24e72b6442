"""What a project has put into a bucket, known by the manifest that it wrote there first."""

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
"""Told how many bytes have been sent so far, and how many there are in all; from several threads, one at a time."""

_ATTEMPTS = 5  # at a manifest that other commands write at the same time


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`objects` are keys without the part that all have, so that nothing outside it can ever be named."""

    format_version: Literal[1] = 1
    project: str
    objects: frozenset[str]


@dataclass(frozen=True)
class UploadResult:
    """The addresses of what was sent, and of what was there already; `held` names all that the project has there."""

    sent: tuple[str, ...]
    unchanged: tuple[str, ...]
    held: frozenset[str]


@dataclass(frozen=True)
class StoredObject:
    """What a key holds: `size` in bytes, of all its versions. An open upload is billed too, by the parts it has."""

    uri: str
    size: int
    versions: int
    open_uploads: int


class ProjectObjects:
    """One project's objects, below `<prefix>/<project>/`. Each function raises AwsError as S3Bucket's do.

    Ours is what the manifest there names. In the layout before this one all projects shared `<prefix>/`: what is there
    is found and deleted too, by the project's manifest of that time, and nothing is added to it.
    """

    def __init__(self, bucket: S3Bucket, prefix: str, project: str) -> None:
        self._bucket = bucket
        self._project = project
        self._own = _Listed(bucket, f"{prefix}/{project}/", f"{prefix}/{project}/.lgbm-sm/manifest.json", project)
        self._earlier = _ListedBeside(bucket, f"{prefix}/", f"{prefix}/.lgbm-sm/{project}.json", project)

    def key(self, name: str) -> str:
        """The key of an object by its name, which is its path below the project's part of the bucket."""
        return self._own.root + name

    def uri(self, name: str) -> str:
        """The address of an object by its name."""
        return self._bucket.uri(self.key(name))

    def upload(self, files: Mapping[str, LocalFile], progress: Progress | None = None) -> UploadResult:
        """Send files, by their names, unless they are there; the manifest names them before.

        A broken upload can be run again: what has arrived is not sent twice, and parts of one that was killed go.

        Raises:
            DataError: a file changes meanwhile.
            AwsError: under one of the keys is something else, which this project has not put there.
        """
        held = self._own.names() or frozenset()
        there = {name: self._bucket.find_sha256(self.key(name)) for name in files}
        unchanged = [name for name, file in files.items() if file.sha256 == there[name]]
        changed = [name for name in files if name not in unchanged]
        if refused := [self.uri(name) for name in changed if name not in held and self._is_there(name)]:
            raise AwsError(
                f"{', '.join(refused)}: project {self._project} has not put there what it would replace",
                "set aws.prefix to one that nothing else uses",
            )
        # what is there and was not put there by us is used, and stays when ours goes
        self._own.add(changed)
        if changed:
            self._own.abort({self.key(name) for name in changed})
        sent = _Sent(sum(files[name].size for name in changed), progress)
        for name in changed:
            self._bucket.send(files[name], self.key(name), sent.advance)
        return UploadResult(tuple(map(self.uri, changed)), tuple(map(self.uri, unchanged)), held.union(changed))

    def list_ours(self) -> list[StoredObject]:
        """What is there of ours, the manifests included."""
        return [stored for listed in (self._own, self._earlier) for stored in listed.stored()]

    def list_foreign(self, folder: str) -> list[str]:
        """The addresses of what lies below a folder and is not ours."""
        names = self._own.names() or frozenset()
        keys = {version.key for version in self._bucket.versions(self.key(folder))}
        return [self._bucket.uri(key) for key in sorted(keys - {self.key(name) for name in names})]

    def delete_folders(self, folders: Collection[str]) -> list[str]:
        """Delete what is ours below these folders. Returns why anything is left."""
        return [left for listed in (self._own, self._earlier) for left in listed.delete_below(folders)]

    def delete(self) -> list[str]:
        """Delete what is ours with all its versions, then the manifests; harmless when it is gone.

        Returns why anything is left; its manifest then stays.
        """
        return [left for listed in (self._own, self._earlier) for left in listed.delete()]

    def _is_there(self, name: str) -> bool:
        """Whether the key holds anything; an older version of it would be deleted with ours."""
        key = self.key(name)
        return any(version.key == key for version in self._bucket.versions(key))


class _Listed:
    """The objects below `root` that a manifest names."""

    def __init__(self, bucket: S3Bucket, root: str, manifest_key: str, project: str) -> None:
        self.root = root
        self._bucket = bucket
        self._manifest_key = manifest_key
        self._project = project

    def names(self) -> frozenset[str] | None:
        """What the manifest names, by keys without the root; None where there is none."""
        found = self._bucket.find_text(self._manifest_key)
        return self._parsed(found, self._manifest_key).objects if found else None

    def add(self, names: Collection[str]) -> None:
        """Name more objects, before they are sent."""
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
        raise AwsError(f"{uri}: other commands write it at the same time", "run the command again")

    def stored(self) -> list[StoredObject]:
        """What is there, the manifest included."""
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
        """Take back what a killed upload has left of these."""
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
                f"{self._bucket.uri(key)} is not a manifest that this lgbm-sm reads: {error}",
                "use the lgbm-sm that wrote it; without the manifest nobody knows what lgbm-sm has put there",
            ) from error


class _ListedBeside(_Listed):
    """In the layout before, projects under a prefix could use the same objects: ours is what no other one names."""

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
    """Adds up what the threads of an upload tell."""

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
