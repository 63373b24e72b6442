"""Read and write the text of the record. lgbm-sm wrote format 1 until November 2026, and writes format 2 now.

Format 2 contains the project's id and the names of the folders of jobs and endpoints. The only path is `folder`: the
project's folder at the time of the write. Format 1 has absolute paths of the folders, and no id.
"""

import json
from collections.abc import Iterable
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import structs

from lgbm_sm.errors import RecordError
from lgbm_sm.record.entries import Endpoint, Entry, RecordedEntry, TrainingJob, entry_types
from lgbm_sm.record.work_folder import ENDPOINTS, JOBS

FORMAT_VERSION: Literal[2] = 2
WORK_FOLDER = ".lgbm-sm"


AnyEntry = TypeVar("AnyEntry")
"""The union of all entry types. Import `lgbm_sm.aws.resources` first, because it defines some of them."""


class _FileOne(msgspec.Struct, Generic[AnyEntry], forbid_unknown_fields=True, tag_field="format_version", tag=1):
    entries: list[AnyEntry] = []


class _FileTwo(msgspec.Struct, Generic[AnyEntry], forbid_unknown_fields=True, tag_field="format_version", tag=2):
    id: str
    folder: str
    entries: list[AnyEntry]
    inode: int = 0  # the inode of the work folder: a renamed folder keeps its inode, a copy has a new one


class RecordContents(NamedTuple):
    """The contents of a record.

    The folders of all entries are in the work folder of the record. `project_id` is empty before the first change, and
    in format 1. `folder` is the project's folder at the time of the last write, or None if unknown. `inode` is the
    inode of the work folder, or 0 if unknown.
    """

    project_id: str = ""
    folder: Path | None = None
    entries: tuple[RecordedEntry, ...] = ()
    format_version: int = FORMAT_VERSION
    inode: int = 0


def folder_of_kind(kind: str) -> str:
    """Return the name of the parent folder for entries of this kind."""
    return ENDPOINTS if kind == "endpoint" else JOBS


def parent_of(entry: Entry, work_path: Path) -> Path:
    """Return the parent of the folder of a job or an endpoint."""
    return work_path / folder_of_kind(entry.kind)


def parse(text: str, path: Path) -> RecordContents:
    """Parse the text of the record at `path`.

    Raises:
        RecordError: the text is damaged, a newer lgbm-sm wrote it, or it contains a folder of another project.
    """
    entry: Any = reduce(or_, entry_types())
    try:
        file: _FileOne[RecordedEntry] | _FileTwo[RecordedEntry] = msgspec.json.decode(
            text, type=_FileOne[entry] | _FileTwo[entry], dec_hook=lambda kind, value: kind(value)
        )
    except msgspec.DecodeError as error:
        if newer := _newer_part(text):
            raise RecordError(f"{path} {newer}", "use the version of lgbm-sm that wrote it") from error
        raise RecordError(f"{path} is damaged: {error}", remedy(path)) from error
    if isinstance(file, _FileTwo):
        _require_id(file.id, path)
        entries = tuple(_from_name(entry, path) for entry in file.entries)
        return RecordContents(file.id, Path(file.folder), entries, inode=file.inode)
    return _contents_of_one(file.entries, path)


def text_of(contents: RecordContents, work_path: Path) -> bytes:
    """Return the text of a record in format 2. Raise ValueError if a folder is not in the work folder."""

    def name_of(value: Any) -> str:
        if not isinstance(value, Path):
            raise TypeError(f"{type(value).__name__} is not a part of the record")
        return value.name

    for entry in contents.entries:
        if isinstance(entry, TrainingJob | Endpoint) and entry.folder.parent != parent_of(entry, work_path):
            raise ValueError(f"{entry.folder} is not a folder of {work_path}")
    file = _FileTwo(contents.project_id, str(contents.folder), list(contents.entries), contents.inode)
    return msgspec.json.format(msgspec.json.encode(file, enc_hook=name_of), indent=2) + b"\n"


def remedy(path: Path) -> str:
    """Return the hint for a record that cannot be read."""
    return f"move the file away; `lgbm-sm cleanup` then finds the jobs and endpoints in {path.parent} without it"


def _from_name(entry: RecordedEntry, path: Path) -> RecordedEntry:
    if not isinstance(entry, TrainingJob | Endpoint):
        return entry
    name = str(entry.folder)
    if not _is_plain(name):
        raise _not_ours(path, entry)
    return structs.replace(entry, folder=parent_of(entry, path.parent) / name)


def _contents_of_one(entries: Iterable[RecordedEntry], path: Path) -> RecordContents:
    """Read a record of format 1. Its folders are in this work folder, or in the work folder of another project.

    In the second case, `folder` in the result is the folder of that project. The caller finds out whether this project
    was moved or copied from there.
    """
    folder: Path | None = None
    own: list[RecordedEntry] = []
    for entry in entries:
        if isinstance(entry, TrainingJob | Endpoint):
            root = entry.folder.parent.parent
            is_of_a_project = root.is_absolute() and root.name == WORK_FOLDER and ".." not in root.parts
            if entry.folder.parent != parent_of(entry, root) or not is_of_a_project:
                raise _not_ours(path, entry)
            if root != path.parent and folder not in (None, path.parent.parent, root.parent):
                raise _not_ours(path, entry)
            if folder is None or root != path.parent:
                folder = root.parent
            own.append(structs.replace(entry, folder=parent_of(entry, path.parent) / entry.folder.name))
        else:
            own.append(entry)
    return RecordContents("", folder, tuple(own), 1)


def _not_ours(path: Path, entry: Entry) -> RecordError:
    return RecordError(
        f"{path}: the folder of {entry.kind.replace('_', ' ')} {entry.name} is {entry.folder}, which is not in "
        f"{path.parent}",
        "run `lgbm-sm new-identity` to start an empty record",
    )


def _is_plain(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def _require_id(project_id: str, path: Path) -> None:
    if not (len(project_id) == 16 and set(project_id) <= set("0123456789abcdef")):
        raise RecordError(f"{path} is damaged: expected an id of 16 hexadecimal digits, got {project_id}", remedy(path))


def _newer_part(text: str) -> str:
    """Describe the part of a record that only a newer lgbm-sm can read. Return "" if there is no such part."""
    try:
        content = json.loads(text)
    except ValueError:
        return ""
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        return ""
    if version not in (1, 2):
        return f"has format version {version}, but this version of lgbm-sm reads only versions 1 and 2"
    known = {entry_type.__struct_config__.tag for entry_type in entry_types()}
    kinds = [str(entry.get("kind")) for entry in content.get("entries", ()) if isinstance(entry, dict)]
    unknown = [kind for kind in kinds if kind not in known]
    return f"contains an entry of kind {unknown[0]}, which this version of lgbm-sm does not know" if unknown else ""
