"""Compute the SHA-256 of the tables that data is prepared from.

The digest, the size and the modification time of each file are kept next to the prepared data. With them, `train`
detects a changed table, and does not need to read an unchanged table.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.origin import Sha256

if TYPE_CHECKING:
    import pyarrow as pa

    from lgbm_sm.config.sections import DataSection

DIGESTS_FILE = ".tables.json"  # in the data folder, never in a channel


class TableState(Struct, frozen=True):
    """The absolute path, the size and the modification time of a file."""

    path: str
    size: int
    mtime_ns: int


class _Digest(Struct, frozen=True):
    state: TableState
    sha256: Sha256


def table_paths(section: "DataSection", base: Path) -> tuple[Path, ...]:
    """Return the paths of the configured tables. A built-in data set has none."""
    if section.files is not None:
        return tuple(base / path for path in (section.files.train, section.files.validation, section.files.test))
    return () if section.file is None else (base / section.file,)


def table_states(paths: Sequence[Path]) -> tuple[TableState, ...]:
    """Return the states of the files that exist."""
    return tuple(_states(paths))


@dataclass(frozen=True)
class TableDigest:
    """The digest of a table, and the digests of its files."""

    sha256: str
    files: tuple[_Digest, ...] = ()

    def keep(self, data_folder: Path) -> None:
        """Keep the digests of the files in the data folder. Raises OSError."""
        path = data_folder / DIGESTS_FILE
        if self.files:
            path.write_bytes(msgspec.json.encode(self.files))
        else:
            path.unlink(missing_ok=True)


def digest_of_read(columns: "pa.Table", paths: Sequence[Path], before: Sequence[TableState]) -> TableDigest:
    """Return the digest of a table that was just read.

    `before` are the states of its files before they were read. A built-in data set has no files, so its digest is the
    digest of its cells.

    Raises:
        DataError: a file has changed since `before`, or cannot be read.
    """
    if not paths:
        cells = json.dumps([columns.column_names, *columns.to_pydict().values()])
        return TableDigest(hashlib.sha256(cells.encode()).hexdigest())
    files = tuple(_Digest(state, _sha256(Path(state.path))) for state in before)
    if table_states(paths) != tuple(before):
        names = ", ".join(path.name for path in paths)
        raise DataError(
            f"{names} changed while prepare-data read it", "run the command again once nothing writes to it"
        )
    return TableDigest(_joined([file.sha256 for file in files]), files)


def digest_now(paths: Sequence[Path], data_folder: Path) -> str:
    """Return the current digest of the tables, or "" if a table does not exist.

    Raises:
        DataError: a file cannot be read.
    """
    states = table_states(paths)
    if len(states) < len(paths):
        return ""
    known = {digest.state: digest.sha256 for digest in _kept(data_folder)}
    return _joined([known.get(state) or _sha256(Path(state.path)) for state in states])


def _states(paths: Sequence[Path]) -> Iterator[TableState]:
    for path in paths:
        if path.is_file():
            found = path.stat()
            yield TableState(str(path.absolute()), found.st_size, found.st_mtime_ns)


def _kept(data_folder: Path) -> list[_Digest]:
    try:
        return msgspec.json.decode((data_folder / DIGESTS_FILE).read_bytes(), type=list[_Digest])
    except (OSError, msgspec.DecodeError):  # the files are then read again
        return []


def _joined(digests: Sequence[str]) -> str:
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"failed to read {path}: {error.strerror}", "check the file") from error
