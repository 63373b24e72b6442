"""Write the output files that options name: atomically, and never over a file of the project."""

import errno
import os
import secrets
import stat
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from lgbm_sm.errors import DataError, UsageError

_STDOUT = 1  # the file descriptor of stdout
_NEW_FILE_MODE = 0o666  # the system removes the bits of the umask
_Identity = tuple[int, int]


class Protected(NamedTuple):
    """A file, or a folder with everything in it, that must not be replaced. `what` describes it in error messages."""

    path: Path
    what: str


def refuse_protected(option: str, path: Path, protected: Collection[Protected]) -> None:
    """Refuse a path that is a protected file, or is in a protected folder.

    The device and the inode identify a file, so links and other spellings of a path are recognized.

    Raises:
        UsageError: the path is protected.
    """
    chain = [Path(os.path.realpath(path)), *Path(os.path.realpath(path)).parents]
    identities = {identity for one in chain if (identity := _identity(one))}
    for what in (one.what for one in protected if not identities.isdisjoint(_identities(one.path))):
        raise UsageError(f"{option} {path} is {what}, which is never replaced", "use another file name")


class OutputFile(AbstractContextManager["OutputFile"]):
    """An output file that an option names. Use it in a `with` block, and call `write` for each part of the content.

    A regular file is replaced when the block ends without an error. Until then, it does not change. The new file has
    the mode of the old file. If the path is a symbolic link, the target of the link is replaced. If the path is a
    device, a pipe or the command's own stdout, the content is written to it directly.

    Raises:
        UsageError: the path is protected, or the file cannot be created.
        DataError: the content cannot be written, for example because the disk is full.
    """

    def __init__(self, option: str, path: Path, protected: Collection[Protected] = ()) -> None:
        self.path = path
        self._option = option
        self._target = Path(os.path.realpath(path))
        self._temporary: Path | None = None  # the path of the new file before it replaces the old file
        try:
            found = _status(path)
            self._replaces = found is None or stat.S_ISREG(found.st_mode)
            if self._replaces:
                refuse_protected(option, path, protected)
            if found and not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if found and _is_stdout(found):
                self._replaces = False
                self._file = os.fdopen(os.dup(_STDOUT), "wb")
            elif self._replaces:
                self._file = os.fdopen(self._open_temporary(found), "wb")
            else:
                self._file = path.open("wb")
        except OSError as error:
            raise UsageError(
                f"failed to write {option} {path}: {error.strerror}", "use a file in a writable folder"
            ) from error

    def write(self, chunk: bytes) -> None:
        """Write the next part of the content."""
        with self._errors():
            self._file.write(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                with self._errors():
                    self._commit()
        finally:
            with suppress(OSError):  # a failed write has already been reported
                self._file.close()
            if self._temporary:
                self._temporary.unlink(missing_ok=True)

    def _open_temporary(self, replaced: os.stat_result | None) -> int:
        """Open a new file in the folder of the target, with the mode of the replaced file.

        If the system supports it, the new file has no name yet. So it disappears even if SIGKILL ends the command.
        """
        mode = stat.S_IMODE(replaced.st_mode) if replaced else _NEW_FILE_MODE
        descriptor = None
        if Path("/proc/self/fd").is_dir() and hasattr(os, "O_TMPFILE"):
            with suppress(OSError):  # not every file system supports files without a name
                descriptor = os.open(self._target.parent, os.O_TMPFILE | os.O_WRONLY, mode)
        if descriptor is None:
            self._temporary = self._target.with_name(f".lgbm-sm-{secrets.token_hex(8)}.tmp")
            descriptor = os.open(self._temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        if replaced:
            with suppress(PermissionError):  # only root can change the owner
                os.fchown(descriptor, replaced.st_uid, replaced.st_gid)
            with suppress(PermissionError):  # not every file system supports modes
                os.fchmod(descriptor, mode)
        return descriptor

    def _commit(self) -> None:
        self._file.flush()
        if not self._replaces:
            return
        os.fsync(self._file.fileno())
        folder = os.open(self._target.parent, os.O_RDONLY)
        try:
            if self._temporary is None:
                # the name depends only on the target, so the next command removes the file that a killed command left
                self._temporary = self._target.with_name(f".{self._target.name}.lgbm-sm.tmp")
                self._temporary.unlink(missing_ok=True)
                # src_dir_fd makes Python call linkat, which follows the link in /proc
                os.link(f"/proc/self/fd/{self._file.fileno()}", self._temporary, src_dir_fd=folder)
            self._temporary.replace(self._target)
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            hint = "check the free disk space; the old file has not changed" if self._replaces else ""
            raise DataError(f"failed to write {self._option} {self.path}: {error.strerror}", hint) from error


def _identities(path: Path) -> Iterator[_Identity]:
    """Yield the identities of a file, or of a folder and everything in it. Follow links."""
    below = (Path(root, name) for root, folders, files in os.walk(path) for name in (*folders, *files))
    return (identity for one in (path, *below) if (identity := _identity(one)))


def _is_stdout(found: os.stat_result) -> bool:
    with suppress(OSError):  # stdout may be closed
        return os.path.samestat(found, os.fstat(_STDOUT))
    return False


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _identity(path: Path) -> _Identity | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None
