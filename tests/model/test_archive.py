"""A .tar.gz is read within limits, strictly, and to its last byte.

Python's own tarfile and gzip write the archives of the tests.
"""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lgbm_sm.model.archive import ArchiveError, Bounds, read_archive

CONTENT = bytes(range(256)) * 5
# ustar splits it, GNU and pax write it before the header
LONG = f"code/{'a' * 140}/{'b' * 90}.py"


def file(name: str, content: bytes = CONTENT) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def other(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def contents(data: bytes, folder: Path, bounds: Bounds | None = None) -> dict[str, bytes]:
    path = folder / "model.tar.gz"
    path.write_bytes(data)
    return {member.name: b"".join(member.chunks()) for member in read_archive(path, bounds or Bounds())}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_each_member_is_read_when_the_format_is_one_of_tars(form: int, tmp_path: Path) -> None:
    members = [file("./model.txt"), other("code", tarfile.DIRTYPE), file(LONG, b"x"), file("empty", b"")]
    found = contents(gzip.compress(tar(*members, form=form)), tmp_path)
    assert found == {"model.txt": CONTENT, "code": b"", LONG: b"x", "empty": b""}


def test_each_member_is_read_when_tar_itself_has_packed_a_folder(tmp_path: Path) -> None:
    (tmp_path / "made" / "code").mkdir(parents=True)
    (tmp_path / "made" / "model.txt").write_bytes(CONTENT)
    (tmp_path / "made" / "code" / ("é" * 110)).write_text("x")
    subprocess.run(["tar", "czf", "model.tar.gz", "-C", "made", "."], cwd=tmp_path, check=True)
    data = (tmp_path / "model.tar.gz").read_bytes()
    assert contents(data, tmp_path) == {"model.txt": CONTENT, "code": b"", f"code/{'é' * 110}": b"x"}


def test_it_is_read_when_gzip_wrote_it_in_several_parts_and_padded_it(tmp_path: Path) -> None:
    data = tar(file("model.txt"))
    parts = gzip.compress(data[:700]) + gzip.compress(data[700:])
    assert contents(parts + bytes(1024), tmp_path) == {"model.txt": CONTENT}


def _by_words(value: bytes | str) -> str:
    """Name a test only by its text parameters, because archives contain the time."""
    return value if isinstance(value, str) else ""


def without_end(data: bytes) -> bytes:
    return data[: -len(data) + 512 + 1536]


def broken_second_header(data: bytes) -> bytes:
    position = 512 + 1536 + 4
    return data[:position] + b"!" + data[position + 1 :]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (gzip.compress(without_end(tar(file("model.txt")))), "is cut off"),
        (gzip.compress(tar(file("model.txt"))[:900]), "is cut off"),
        (gzip.compress(broken_second_header(tar(file("model.txt"), file("metadata.json")))), "bad checksum"),
        (gzip.compress(tar(file("model.txt")) + tar(file("more.txt"))), "has more data after the end of the archive"),
        (gzip.compress(tar(file("model.txt"))) + b"garbage", "Not a gzipped file"),
        (gzip.compress(tar(file("model.txt")))[:-9], "end-of-stream"),
        (gzip.compress(tar(file("model.txt")))[:-4] + b"\1\2\3\4", "Incorrect length"),
        (gzip.compress(tar(file("model.txt")))[:-8] + bytes(8), "CRC check failed"),
        (tar(file("model.txt")), "not gzip-compressed"),
        (gzip.compress(b""), "is empty"),
    ],
    ids=_by_words,
)
def test_it_is_refused_when_it_is_damaged(data: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=says):
        contents(data, tmp_path)


def negative(data: bytes) -> bytes:
    """Change the size in the first header to -512 (GNU's base-256), with its checksum."""
    block = bytearray(data[:512])
    block[124:136] = b"\xff" * 10 + struct.pack(">h", -512)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data[512:]


def with_pax(name: str, value: str) -> tuple[tarfile.TarInfo, bytes]:
    member, content = file("model.txt")
    member.pax_headers = {name: value}
    return member, content


def long_name_of(size: int) -> bytes:
    """Return a header that announces a name of this size, without the name."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, size
    return member.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (tar(file("/etc/model.txt")), "'/etc/model.txt', which leads out"),
        (tar(file("code/../../model.txt")), "'code/../../model.txt', which leads out"),
        (tar(other("link", tarfile.SYMTYPE, "model.txt")), "'link', which is neither a file nor a folder"),
        (tar(other("link", tarfile.LNKTYPE, "model.txt")), "'link', which is neither"),
        (tar(other("disk", tarfile.BLKTYPE)), "'disk', which is neither"),
        (tar(other("pipe", tarfile.FIFOTYPE)), "'pipe', which is neither"),
        (tar(other("holes", tarfile.GNUTYPE_SPARSE)), "'holes', which is neither"),
        (tar(with_pax("GNU.sparse.major", "1")), "sparse file"),
        (tar(with_pax("size", "-512")), "damaged extended header"),
        (tar(with_pax("size", "9" * 5000)), "damaged extended header"),
        (tar(with_pax("path", "../model.txt")), "which leads out"),
        (negative(tar(file("model.txt"))), "negative size"),
        (long_name_of(2_000_000), "header of 2000000 bytes"),
        (tar(file("model.txt"), file("./model.txt")), "'model.txt' twice"),
        (tar(file("code"), file("code/inference.py")), "'code/inference.py' twice"),
        (tar(file("code/inference.py"), file("code")), "'code' twice"),
        (tar(file("a\nerror: b")), "control characters"),
        (tar(file("a\udcff"), form=tarfile.GNU_FORMAT), "not UTF-8"),
        (tar(file("é" * 128)), "more than 255 bytes"),
        (tar(file("/".join(["a" * 200] * 6))), "more than 255 bytes .with its folders 1024"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_refused_when_it_holds_what_no_model_needs(data: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=says):
        contents(gzip.compress(data), tmp_path)


@pytest.mark.parametrize(
    ("members", "allowed", "refused"),
    [
        ((file("a", b"x" * 2000), file("b", b"x" * 2000)), {"unpacked_bytes": 20_000}, {"unpacked_bytes": 3500}),
        ((file("a"), file("b"), file("c")), {"members": 3}, {"members": 2}),
        ((file("abcdef"),), {"part_bytes": 6}, {"part_bytes": 5}),
        ((file("abc/def"),), {"name_bytes": 7}, {"name_bytes": 6}),
    ],
    ids=_by_words,
)
def test_a_bound_holds_for_what_is_beyond_it_alone(
    members: tuple[tuple[tarfile.TarInfo, bytes], ...],
    allowed: dict[str, int],
    refused: dict[str, int],
    tmp_path: Path,
) -> None:
    data = gzip.compress(tar(*members))
    assert len(contents(data, tmp_path, Bounds(**allowed))) == len(members)
    with pytest.raises(ArchiveError, match="more than"):
        contents(data, tmp_path, Bounds(**refused))


@pytest.mark.parametrize("make", [lambda: tar(file("zeros", bytes(50_000_000))), lambda: tar() + bytes(50_000_000)])
def test_no_more_is_unpacked_than_the_bound_when_it_is_a_bomb(make: Callable[[], bytes], tmp_path: Path) -> None:
    bomb = gzip.compress(make(), compresslevel=1)
    assert len(bomb) < 500_000
    path = tmp_path / "model.tar.gz"
    path.write_bytes(bomb)
    members = read_archive(path, Bounds(unpacked_bytes=1_000_000))
    # before a member is handed out
    with pytest.raises(ArchiveError, match="holds more than 1000000 bytes"):
        next(members)
