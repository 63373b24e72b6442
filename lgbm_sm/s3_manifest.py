"""What a project has put under a prefix of a bucket, known by the manifest that it wrote there first."""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from lgbm_sm.errors import AwsError
from lgbm_sm.s3 import S3Bucket, StoredText, StoredVersion
from lgbm_sm.s3_files import read_file

Progress = Callable[[int, int], None]
"""Told how many bytes have been sent so far, and how many there are in all; from several threads, one at a time."""

_ATTEMPTS = 5  # at a manifest that other commands write at the same time


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`objects` are keys without the prefix, so that nothing outside it can ever be named."""

    format_version: Literal[1] = 1
    project: str
    objects: frozenset[str]


@dataclass(frozen=True)
class UploadResult:
    """The addresses of what was sent, and of what was there already."""

    sent: tuple[str, ...]
    unchanged: tuple[str, ...]


@dataclass(frozen=True)
class StoredObject:
    """What a key holds: `size` in bytes, of all its versions. An open upload is billed too, by the parts it has."""

    uri: str
    size: int
    versions: int
    open_uploads: int


class ProjectObjects:
    """One project's objects under `<prefix>/`. Each function raises AwsError as S3Bucket's do.

    Ours is what the manifest names, and no other project's manifest under the same prefix names too.
    """

    def __init__(self, bucket: S3Bucket, prefix: str, project: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/"
        self._project = project
        self._manifests = f"{self._prefix}.lgbm-sm/"
        self.manifest_key = f"{self._manifests}{project}.json"

    def uri(self, name: str) -> str:
        """The address of an object by its key without the prefix."""
        return self._bucket.uri(self._prefix + name)

    def upload(self, files: Mapping[str, Path], progress: Progress | None = None) -> UploadResult:
        """Send files, by their keys without the prefix, unless they are there; the manifest names them before.

        A broken upload can be run again: what has arrived is not sent twice, and parts of one that was killed go.

        Raises:
            DataError: a file cannot be read, or changes meanwhile.
            AwsError: under one of the keys is something else, which this project has not put there.
        """
        local = {name: read_file(path) for name, path in files.items()}
        held, others = self._held(), self._held_by_others()
        there = {name: self._bucket.find_sha256(self._prefix + name) for name in local}
        unchanged = [name for name, file in local.items() if file.sha256 == there[name]]
        changed = [name for name in local if name not in unchanged]
        if refused := [self.uri(name) for name in changed if name in others or self._is_foreign(name, held)]:
            raise AwsError(
                f"{', '.join(refused)}: project {self._project} has not put there what it would replace",
                "set aws.prefix to one that nothing else uses",
            )
        # what another project holds is held by both; what nobody holds and is there was not put there by us
        self._hold({*changed, *(name for name in unchanged if name in others)})
        if changed:
            self._abort({self._prefix + name for name in changed})
        sent = _Sent(sum(local[name].size for name in changed), progress)
        for name in changed:
            self._bucket.send(local[name], self._prefix + name, sent.advance)
        return UploadResult(tuple(map(self.uri, changed)), tuple(map(self.uri, unchanged)))

    def list_ours(self) -> list[StoredObject]:
        """What is there of ours, the manifest included."""
        ours = self._ours()
        return self._stored(self._prefix, lambda key: key in ours) if ours else []

    def list_foreign(self, jobs: Collection[str] = ()) -> list[StoredObject]:
        """What is there under the prefix and is neither ours nor the output of one of these jobs."""
        ours = self._ours()
        outputs = tuple(map(self._output, jobs))
        return self._stored(self._prefix, lambda key: key not in ours and not key.startswith(outputs))

    def list_output(self, job: str) -> list[StoredObject]:
        """What a training job has put below its name."""
        return self._stored(self._output(job), lambda _: True)

    def delete_outdated(self, folders: Collection[str], names: Collection[str] = ()) -> list[str]:
        """Delete what is ours below these folders and not under these keys, both without the prefix.

        Returns why anything is left.
        """
        kept = {self._prefix + name for name in names}
        below = tuple(self._prefix + folder for folder in folders)
        outdated = {key for key in self._ours() - {self.manifest_key} - kept if key.startswith(below)}
        if not outdated:
            return []
        versions = [version for version in self._bucket.versions(self._prefix) if version.key in outdated]
        return self._bucket.delete_versions(versions)

    def delete(self) -> list[str]:
        """Delete what is ours with all its versions, then the manifest; harmless when it is gone.

        Returns why anything is left; the manifest then stays.
        """
        ours = self._ours() - {self.manifest_key}
        self._abort(ours)
        versions = [version for version in self._bucket.versions(self._prefix) if version.key in ours]
        left = self._bucket.delete_versions(versions)
        if left:
            return left
        manifests = self._bucket.versions(self.manifest_key)
        return self._bucket.delete_versions([version for version in manifests if version.key == self.manifest_key])

    def delete_output(self, job: str) -> list[str]:
        """Delete what a training job has put below its name, with all versions; harmless when it is gone.

        Returns why anything is left.
        """
        prefix = self._output(job)
        self._bucket.abort(self._bucket.open_uploads(prefix))
        return self._bucket.delete_versions(self._bucket.versions(prefix))

    def _output(self, job: str) -> str:
        return f"{self._prefix}output/{job}/"

    def _ours(self) -> set[str]:
        """Keys, the manifest's included."""
        held = self._held()
        if held is None:
            return set()
        return {self._prefix + name for name in held - self._held_by_others()} | {self.manifest_key}

    def _held(self) -> frozenset[str] | None:
        """What the manifest names, by keys without the prefix; None where there is none."""
        found = self._bucket.find_text(self.manifest_key)
        return self._parsed(found, self.manifest_key).objects if found else None

    def _held_by_others(self) -> set[str]:
        keys = {version.key for version in self._bucket.versions(self._manifests)} - {self.manifest_key}
        found = {key: self._bucket.find_text(key) for key in keys if key.endswith(".json")}
        current = {key: text for key, text in found.items() if text and text.etag}
        return {name for key, text in current.items() for name in self._parsed(text, key).objects}

    def _is_foreign(self, name: str, held: frozenset[str] | None) -> bool:
        """Whether somebody else's content is under the key; an older version of it would be deleted with ours."""
        key = self._prefix + name
        return name not in (held or ()) and any(version.key == key for version in self._bucket.versions(key))

    def _hold(self, names: Collection[str]) -> None:
        for _ in range(_ATTEMPTS):
            found = self._bucket.find_text(self.manifest_key)
            held = self._parsed(found, self.manifest_key).objects if found else frozenset()
            etag = found.etag if found else ""
            if held.issuperset(names) and (etag or not names):
                return
            content = {"format_version": 1, "project": self._project, "objects": sorted(held.union(names))}
            if self._bucket.replace_text(self.manifest_key, json.dumps(content, indent=2) + "\n", etag):
                return
        uri = self._bucket.uri(self.manifest_key)
        raise AwsError(f"{uri}: other commands write it at the same time", "run the command again")

    def _parsed(self, found: StoredText, key: str) -> _Manifest:
        try:
            return msgspec.json.decode(found.content, type=_Manifest)
        except msgspec.DecodeError as error:
            raise AwsError(
                f"{self._bucket.uri(key)} is no manifest that this lgbm-sm reads: {error}",
                "use the lgbm-sm that wrote it; without the manifest nobody knows what lgbm-sm has put there",
            ) from error

    def _abort(self, keys: Collection[str]) -> None:
        self._bucket.abort(upload for upload in self._bucket.open_uploads(self._prefix) if upload.key in keys)

    def _stored(self, prefix: str, wanted: Callable[[str], bool]) -> list[StoredObject]:
        versions: dict[str, list[StoredVersion]] = defaultdict(list)
        for version in self._bucket.versions(prefix):
            versions[version.key].append(version)
        uploads = Counter(upload.key for upload in self._bucket.open_uploads(prefix))
        return [
            StoredObject(
                self._bucket.uri(key),
                sum(version.size for version in versions[key]),
                len(versions[key]),
                uploads[key],
            )
            for key in sorted({*versions, *uploads})
            if wanted(key)
        ]


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
