"""Read a .tar.gz that may be damaged or malicious.

This module limits the size, refuses everything unusual, and reads the file to its last byte. The standard library's
tarfile is not enough. It takes a header that it cannot read for the end of the archive. It follows links. And it does
not read the end of the gzip data, which has the checksum.
"""

import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gzip import GzipFile

_BLOCK_BYTES = 512
_CHUNK_BYTES = 1 << 20
_EXTENSION_BYTES = 1 << 20  # the limit for a long name, and for the pax records before a header
_SIZE_DIGITS = 20
# "Extended header" in POSIX's pax, and GNU tar's manual, "Basic Tar Format"
_PAX, _GLOBAL_PAX, _LONG_NAME, _LONG_TARGET = (b"x", b"X"), b"g", b"L", b"K"
_FILES, _FOLDER, _LINKS = (b"0", b"\0", b"7"), b"5", (b"1", b"2")


@dataclass(frozen=True)
class Bounds:
    """The limits for an archive: unpacked size with headers, members, length of names."""

    unpacked_bytes: int = 10_000_000_000
    members: int = 10_000
    name_bytes: int = 1024
    part_bytes: int = 255  # the limit of common file systems for one name (NAME_MAX)


BOUNDS = Bounds()


class ArchiveError(Exception):
    """An archive is damaged or not a valid model artifact.

    The message is a sentence without its subject, such as "is damaged". The caller writes the path before it.
    """


class Kind(StrEnum):
    """The kind of a member.

    The target of a hard link is relative to the root of the archive. The target of a symbolic link is relative to the
    folder of the link.
    """

    FILE = "file"
    FOLDER = "folder"
    HARD_LINK = "hard link"
    SYMBOLIC_LINK = "symbolic link"


@dataclass
class Member:
    """A file, a folder or a link in an archive.

    `name` does not begin with "./". `chunks` yields the content of a file. It can be called only once.
    """

    name: str
    kind: Kind
    size: int
    target: str
    _stream: "_Stream"
    _left: int = field(init=False)

    def __post_init__(self) -> None:
        self._left = self.size

    def chunks(self) -> Iterator[bytes]:
        """Yield the rest of the content, in chunks of at most 1 MiB."""
        while self._left:
            chunk = self._stream.read(min(self._left, _CHUNK_BYTES))
            self._left -= len(chunk)
            yield chunk


def read_archive(path: Path, bounds: Bounds = BOUNDS, *, links: bool = False) -> Iterator[Member]:
    """Yield the members of an archive in their order.

    The content of a member can be read only until the next member is requested. Links are allowed only with `links`.

    Raises:
        ArchiveError: the file cannot be read, is damaged, exceeds a limit, or contains something that a model artifact
            must not contain.
    """
    import gzip

    with _read_errors(), gzip.open(path, "rb") as file:
        yield from _Reader(_Stream(file, bounds.unpacked_bytes), bounds, links).members()


@contextmanager
def _read_errors() -> Iterator[None]:
    from gzip import BadGzipFile

    try:
        yield
    except (BadGzipFile, zlib.error, EOFError) as error:
        raise ArchiveError(f"is damaged, or is not gzip-compressed: {error}") from error
    except OSError as error:
        raise ArchiveError(f"cannot be read: {error.strerror or error}") from error


class _Stream:
    """The unpacked bytes of the archive. More than `limit` bytes are an error."""

    def __init__(self, file: "GzipFile", limit: int) -> None:
        self._file = file
        self._limit = limit
        self._position = 0

    def require_room(self, size: int) -> None:
        if self._position + size > self._limit:
            raise ArchiveError(f"holds more than {self._limit} bytes")

    def read(self, size: int) -> bytes:
        self.require_room(size)
        with _read_errors():
            content = self._file.read(size)
        if len(content) < size:
            raise ArchiveError("is empty" if not self._position + len(content) else "is cut off")
        self._position += size
        return content

    def require_end(self) -> None:
        """Read to the end of the gzip data, and check its checksum. Only zeros may follow."""
        while True:
            with _read_errors():
                content = self._file.read(_CHUNK_BYTES)
            if not content:
                return
            self.require_room(len(content))
            self._position += len(content)
            if content.count(0) != len(content):
                raise ArchiveError("has more data after the end of the archive")


@dataclass
class _Reader:
    stream: _Stream
    bounds: Bounds
    links: bool
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    count: int = 0

    def members(self) -> Iterator[Member]:
        extension: dict[str, str] = {}
        while True:
            block = self.stream.read(_BLOCK_BYTES)
            if block.count(0) == _BLOCK_BYTES:
                break
            kind, size, name, target = _parse(block)
            if kind in (*_PAX, _GLOBAL_PAX, _LONG_NAME, _LONG_TARGET):
                self._extend(extension, kind, size)
                continue
            member = self._member(kind, extension.get("path", name), extension.get("linkpath", target), extension, size)
            extension = {}
            if member is not None:
                yield member
                for _ in member.chunks():
                    pass
                self.stream.read(-member.size % _BLOCK_BYTES)
        if extension:
            raise ArchiveError("is cut off")
        self.stream.require_end()

    def _extend(self, extension: dict[str, str], kind: bytes, size: int) -> None:
        """Read an extension (a long name or pax records), which belongs to the next header."""
        if size > _EXTENSION_BYTES:
            raise ArchiveError(f"has a header of {size} bytes, more than {_EXTENSION_BYTES}")
        content = self.stream.read(size)
        self.stream.read(-size % _BLOCK_BYTES)
        if kind in (_LONG_NAME, _LONG_TARGET):
            extension["path" if kind == _LONG_NAME else "linkpath"] = _text(content.rstrip(b"\0"))
            return
        records = _pax_records(content)
        if any(name.startswith("GNU.sparse.") for name in records):
            raise ArchiveError("holds a sparse file")
        if kind != _GLOBAL_PAX:
            extension.update(records)
        elif {"path", "linkpath", "size"} & set(records):
            raise ArchiveError("has a global pax header that sets the name or the size of all members")

    def _member(self, kind: bytes, stated: str, target: str, extension: dict[str, str], size: int) -> Member | None:
        """Check a member and return it. Return None for the root folder."""
        found = _kind(kind, stated)
        if found is None or (found in (Kind.HARD_LINK, Kind.SYMBOLIC_LINK) and not self.links):
            raise ArchiveError(f"holds {stated!a}, which is neither a file nor a folder")
        if "size" in extension:
            size = _number(extension["size"])
        if found is not Kind.FILE:
            size = 0
        name = self._checked_name(stated)
        if not name:
            if found is Kind.FOLDER:
                return None
            raise ArchiveError(f"holds a {found} without a name")
        self.count += 1
        if self.count > self.bounds.members:
            raise ArchiveError(f"holds more than {self.bounds.members} files and folders")
        self._enter(name, found)
        # check the size before the caller writes any byte of the member
        self.stream.require_room(size)
        return Member(name, found, size, target, self.stream)

    def _checked_name(self, stated: str) -> str:
        path = PurePosixPath(stated)
        if path.is_absolute() or ".." in path.parts:
            raise ArchiveError(f"holds {stated!a}, which leads out of the folder of the archive")
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in stated):
            raise ArchiveError(f"holds {stated!a}, whose name is not UTF-8, or has control characters")
        name = "/".join(path.parts)
        too_long = len(name.encode()) > self.bounds.name_bytes
        if too_long or any(len(part.encode()) > self.bounds.part_bytes for part in path.parts):
            raise ArchiveError(
                f"holds a name of more than {self.bounds.part_bytes} bytes (with its folders "
                f"{self.bounds.name_bytes}): {stated[:60]!a}..."
            )
        return name

    def _enter(self, name: str, kind: Kind) -> None:
        """Add a member. Refuse a name that another member already has."""
        parents = [str(parent) for parent in PurePosixPath(name).parents][:-1]
        is_folder = kind is Kind.FOLDER
        if name in self.files or (not is_folder and name in self.folders) or not self.files.isdisjoint(parents):
            raise ArchiveError(f"holds {name!a} twice")
        (self.folders if is_folder else self.files).add(name)
        self.folders.update(parents)


def _parse(block: bytes) -> tuple[bytes, int, str, str]:
    """Return the kind, the size, the name and the target in a header."""
    import tarfile

    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise ArchiveError(f"is not a tar archive, or is damaged: {error}") from error
    if header.size < 0:
        raise ArchiveError("has a header with a negative size")
    return header.type, header.size, header.name, header.linkname


def _kind(kind: bytes, name: str) -> Kind | None:
    if kind == _FOLDER or (kind in _FILES and name.endswith("/")):
        return Kind.FOLDER
    if kind in _FILES:
        return Kind.FILE
    if kind in _LINKS:
        return Kind.HARD_LINK if kind == _LINKS[0] else Kind.SYMBOLIC_LINK
    return None


def _pax_records(content: bytes) -> dict[str, str]:
    """Parse pax records "<length> <keyword>=<value>".

    The length is the number of bytes of the whole record, with the length itself.
    """
    records = {}
    position = 0
    while position < len(content) and content[position]:
        digits, space, _ = content[position : position + _SIZE_DIGITS].partition(b" ")
        length = _number(digits.decode("latin-1")) if space else 0
        record = content[position : position + length]
        keyword, separator, value = record[len(digits) + 1 : -1].partition(b"=")
        if not (keyword and separator and record.endswith(b"\n") and len(record) == length):
            raise ArchiveError("has a damaged extended header")
        # only these values are decoded, because others, such as extended attributes, may be binary
        records[_text(keyword)] = _text(value)
        position += length
    return records


def _number(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _SIZE_DIGITS):
        raise ArchiveError("has a damaged extended header")
    return int(digits)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
