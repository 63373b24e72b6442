"""Read the files that a container has written."""

from __future__ import annotations

import io
import tarfile

from docker.errors import NotFound
from docker.models.containers import Container


def first_text(container: Container, path: str) -> str:
    """Return the text of a file in the container, or an empty text if the file does not exist."""
    found = _fetch(container, path)
    if found is None:
        return ""
    with tarfile.open(fileobj=found) as tar:
        file = tar.extractfile(tar.getmembers()[0])
        return "" if file is None else file.read().decode(errors="replace")


def packed(container: Container, folder: str) -> bytes:
    """Return a .tar.gz of a folder with relative paths, or nothing if the folder is empty."""
    fetched = _fetch(container, folder)
    if fetched is None:
        return b""
    members: list[tuple[tarfile.TarInfo, bytes]] = []
    with tarfile.open(fileobj=fetched) as tar:
        for member in tar.getmembers():
            file = tar.extractfile(member) if member.isfile() else None
            member.name = member.name.partition("/")[2]
            if member.name:
                members.append((member, b"" if file is None else file.read()))
    return tar_gz(members) if members else b""


def tar_gz(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return archive.getvalue()


def _fetch(container: Container, path: str) -> io.BytesIO | None:
    """Return a file or a folder as the tar that Docker sends."""
    try:
        chunks, _ = container.get_archive(path)
    except NotFound:
        return None
    return io.BytesIO(b"".join(chunks))
