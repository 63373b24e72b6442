"""Read an untrusted .tar.gz as a stream: within limits, strictly, and to its last byte.

tarfile itself stops at the first header that it cannot read, follows links, and leaves the end of the gzip data, where
the checksum is, unread.
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
_EXTENSION_BYTES = 1 << 20  # of a long name, or of one header's pax records
_SIZE_DIGITS = 20
# "Extended header" in POSIX's pax, and GNU tar's manual, "Basic Tar Format"
_PAX, _GLOBAL_PAX, _LONG_NAME, _LONG_TARGET = (b"x", b"X"), b"g", b"L", b"K"
_FILES, _FOLDER, _LINKS = (b"0", b"\0", b"7"), b"5", (b"1", b"2")


@dataclass(frozen=True)
class Bounds:
    """Limits of an archive: its unpacked size, its members and their names.

    The size includes headers.
    """

    unpacked_bytes: int = 10_000_000_000
    members: int = 10_000
    name_bytes: int = 1024
    part_bytes: int = 255  # NAME_MAX of common file systems


BOUNDS = Bounds()


class ArchiveError(Exception):
    """An archive is damaged or not a valid model artifact; the message continues "<path> ..."."""


class Kind(StrEnum):
    """The kind of a member; hard links start at the root, symbolic links at their folder."""

    FILE = "file"
    FOLDER = "folder"
    HARD_LINK = "hard link"
    SYMBOLIC_LINK = "symbolic link"


@dataclass
class Member:
    """A file, a folder or a link; `name` has no leading "./".

    `chunks` yields a file's content, once.
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
    """Yield the members in order.

    The content of each is available until the next one is requested.

    Raises:
        ArchiveError: the file cannot be read, is damaged, ends early or goes on after its end, is beyond a bound, or
            names something that a model artifact must not hold: with `links` links are let through.
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
    """The unpacked bytes; at most `limit` are read."""

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
        """Require that only zeros follow, up to the end of the gzip data and its checksum."""
        while True:
            with _read_errors():
                content = self._file.read(_CHUNK_BYTES)
            if not content:
                return
            self.require_room(len(content))
            self._position += len(content)
            if content.count(0) != len(content):
                raise ArchiveError("goes on after its end")


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
        """Read the extensions before a header."""
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
            raise ArchiveError("gives one name or size to all that follows")

    def _member(self, kind: bytes, stated: str, target: str, extension: dict[str, str], size: int) -> Member | None:
        """Check and return the member; None for the root itself."""
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
        # before any of its bytes is written
        self.stream.require_room(size)
        return Member(name, found, size, target, self.stream)

    def _checked_name(self, stated: str) -> str:
        path = PurePosixPath(stated)
        if path.is_absolute() or ".." in path.parts:
            raise ArchiveError(f"holds {stated!a}, which leads out of the folder that it is unpacked into")
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
        """Refuse a name that is used for two members."""
        parents = [str(parent) for parent in PurePosixPath(name).parents][:-1]
        is_folder = kind is Kind.FOLDER
        if name in self.files or (not is_folder and name in self.folders) or not self.files.isdisjoint(parents):
            raise ArchiveError(f"holds {name!a} twice")
        (self.folders if is_folder else self.files).add(name)
        self.folders.update(parents)


def _parse(block: bytes) -> tuple[bytes, int, str, str]:
    """Parse a header: kind, size, name and target."""
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
    """Parse records "<length> <keyword>=<value>"; the length counts the whole line in bytes."""
    records = {}
    position = 0
    while position < len(content) and content[position]:
        digits, space, _ = content[position : position + _SIZE_DIGITS].partition(b" ")
        length = _number(digits.decode("latin-1")) if space else 0
        record = content[position : position + length]
        keyword, separator, value = record[len(digits) + 1 : -1].partition(b"=")
        if not (keyword and separator and record.endswith(b"\n") and len(record) == length):
            raise ArchiveError("has a damaged extended header")
        # other values are not decoded: an extended attribute may be binary
        records[_text(keyword)] = _text(value)
        position += length
    return records


def _number(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _SIZE_DIGITS):
        raise ArchiveError("has a damaged extended header")
    return int(digits)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
