"""Read a model artifact (model.tar.gz) and check it by its manifest.

The manifest contains the SHA-256 of each file that lgbm-sm wrote. The training program writes the manifest. `deploy`
checks it first, and adds the files of the inference code to it. Each server checks it again before it answers
(lgbm_runtime/core/manifest.py).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lgbm_sm.errors import TrainingError
from lgbm_sm.model.archive import BOUNDS, ArchiveError, Bounds, Kind, Member, read_archive

MANIFEST_FILE = "lgbm-sm-manifest.json"
METADATA_FILE = "metadata.json"
FORMAT_VERSION = 1
UNCHECKED_VARIABLE = "LGBM_RUNTIME_UNCHECKED"
_TEXT_BYTES = 64 << 20  # the limit for each of the two files that are kept in memory
_NAMED = 5


class ManifestError(ArchiveError):
    """A file differs from the manifest. With `--unchecked`, the model can still be served."""


@dataclass(frozen=True)
class Contents:
    """The contents of an artifact.

    `digests` has the SHA-256 of each file. `manifest` has the expected SHA-256 of each file. It is None if the manifest
    is missing or cannot be read. `texts` has the bytes of metadata.json and of the manifest, if these files exist. If
    the artifact was read unchecked, `problem` describes how it differs from the manifest.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    manifest: Mapping[str, str] | None = None
    texts: Mapping[str, bytes] = field(default_factory=dict)
    problem: str = ""

    @property
    def remark(self) -> str:
        """One line about the files that were not checked, or an empty text if all were checked."""
        if self.problem:
            return f"unchecked: the model artifact {self.problem}"
        if self.manifest is None:
            return f"the model artifact could not be checked: it has no {MANIFEST_FILE}"
        others = sorted(set(self.digests) - {MANIFEST_FILE, *self.manifest})
        if not others:
            return ""
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        shown = ", ".join(others[:_NAMED])
        return f"these files are not checked, because {MANIFEST_FILE} does not list them: {shown}{more}"


def read_artifact(
    path: Path, folder: Path | None = None, *, unchecked: bool = False, bounds: Bounds = BOUNDS
) -> Contents:
    """Read an artifact and compare its files with its manifest.

    If `folder` is given, also unpack the artifact into this empty folder. After an error, the caller must remove the
    unpacked files. With `unchecked`, there is no ManifestError: the result describes the problem.

    Raises:
        ArchiveError: `read_archive` refuses the archive.
        ManifestError: a file is changed or missing, or the manifest cannot be read.
        OSError: a file cannot be written.
    """
    digests: dict[str, str] = {}
    texts: dict[str, bytes] = {}
    for member in read_archive(path, bounds):
        if member.kind is Kind.FOLDER:
            if folder is not None:
                (folder / member.name).mkdir(parents=True, exist_ok=True)
            continue
        content = _kept(member, texts) if member.name in (MANIFEST_FILE, METADATA_FILE) else member.chunks()
        digests[member.name] = _written(content, None if folder is None else folder / member.name)
    manifest, problem = None, ""
    try:
        manifest = _manifest(texts.get(MANIFEST_FILE))
        _compare(manifest or {}, digests)
    except ManifestError as error:
        if not unchecked:
            raise
        problem = str(error)
    return Contents(digests, manifest, texts, problem)


def manifest_text(digests: Mapping[str, str]) -> str:
    """Return the text of a manifest. The training program uses the same format."""
    return json.dumps({"format_version": FORMAT_VERSION, "members": dict(sorted(digests.items()))}, indent=1) + "\n"


def digest_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _kept(member: Member, texts: dict[str, bytes]) -> Iterator[bytes]:
    if member.size > _TEXT_BYTES:
        raise ArchiveError(f"holds {member.name} of {member.size} bytes, more than {_TEXT_BYTES}")
    texts[member.name] = b"".join(member.chunks())
    yield texts[member.name]


def _written(chunks: Iterator[bytes], path: Path | None) -> str:
    """Return the SHA-256 of a file's content. If `path` is given, also write the file."""
    digest = hashlib.sha256()
    if path is None:
        for chunk in chunks:
            digest.update(chunk)
        return digest.hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    # mode "x" refuses to replace a file: on a file system that ignores case, `A` would replace `a`
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
    return digest.hexdigest()


def _manifest(content: bytes | None) -> dict[str, str] | None:
    if content is None:
        return None
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"holds a damaged {MANIFEST_FILE}: {error}") from error
    members = document.get("members") if isinstance(document, dict) else None
    if not isinstance(members, dict) or not all(isinstance(digest, str) for digest in members.values()):
        raise ManifestError(f"holds a damaged {MANIFEST_FILE}: it does not give the SHA-256 of each member")
    if document.get("format_version") != FORMAT_VERSION:
        raise ManifestError(f"holds a {MANIFEST_FILE} that is not of format {FORMAT_VERSION}")
    return members


def _compare(manifest: Mapping[str, str], digests: Mapping[str, str]) -> None:
    problems = [
        f"lacks {name!a}, which {MANIFEST_FILE} lists"
        if name not in digests
        else f"holds a changed {name!a}: its SHA-256 is not the one in {MANIFEST_FILE}"
        for name, digest in manifest.items()
        if digests.get(name) != digest
    ]
    if problems:
        raise ManifestError(problems[0] + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""))


def read_metadata(path: Path) -> dict[str, Any]:
    """Check a model artifact, and return its metadata.json.

    Raises:
        TrainingError: the archive is missing or damaged, or it does not contain a valid metadata.json.
    """
    try:
        content = read_artifact(path).texts.get(METADATA_FILE)
        if content is None:
            raise ArchiveError(f"holds no {METADATA_FILE}: it is not a model artifact of this program")
        metadata: Any = json.loads(content)
        if not isinstance(metadata, dict) or not {"metrics", "best_iteration"} <= set(metadata):
            raise ArchiveError(f"holds a {METADATA_FILE} without metrics: it is not a model artifact of this program")
        return metadata
    except ArchiveError as error:
        raise TrainingError(f"{path} {error}", "run `lgbm-sm train` again") from error
    except (ValueError, RecursionError) as error:
        raise TrainingError(f"{path} holds a broken {METADATA_FILE}: {error}", "run `lgbm-sm train` again") from error
