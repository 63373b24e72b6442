"""Write output files that the user names: atomically, and never over a project file."""

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

_STDOUT = 1  # the file descriptor
_NEW_FILE_MODE = 0o666  # less the umask
_Identity = tuple[int, int]


class Protected(NamedTuple):
    """A file, or a folder with everything in it, and its description in an error message."""

    path: Path
    what: str


def refuse_protected(option: str, path: Path, protected: Collection[Protected]) -> None:
    """Refuse a path that is a protected file, or is in a protected folder.

    Files are compared by device and inode, so links and other spellings are recognized.

    Raises:
        UsageError: the path is protected; the message names it and says why.
    """
    chain = [Path(os.path.realpath(path)), *Path(os.path.realpath(path)).parents]
    identities = {identity for one in chain if (identity := _identity(one))}
    for what in (one.what for one in protected if not identities.isdisjoint(_identities(one.path))):
        raise UsageError(f"{option} {path} is {what}, which is never replaced", "name another file")


class OutputFile(AbstractContextManager["OutputFile"]):
    """A file named by an option, whose content `write` adds.

    A regular file is replaced, keeping its mode, when the block ends without an error; until then it is unchanged. The
    target of a symbolic link is replaced. A device, a pipe and the command's own stdout are written to directly.

    Raises:
        UsageError: the path is protected, or the file cannot be created.
        DataError: writing fails, for example because the disk is full.
    """

    def __init__(self, option: str, path: Path, protected: Collection[Protected] = ()) -> None:
        self.path = path
        self._option = option
        self._target = Path(os.path.realpath(path))
        self._temporary: Path | None = None  # the name of the new content before it replaces the old
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
                f"failed to write {option} {path}: {error.strerror}", "name a file in a writable folder"
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
        """Open a new file in the folder of the target, with the mode of the replaced one.

        If the system supports it, the file has no name yet, so that even SIGKILL leaves nothing.
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
                # a fixed name per target: the next command removes the remains of a killed one
                self._temporary = self._target.with_name(f".{self._target.name}.lgbm-sm.tmp")
                self._temporary.unlink(missing_ok=True)
                # with src_dir_fd Python calls linkat, which follows the link in /proc
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
            hint = "check the free disk space; the old file is unchanged" if self._replaces else ""
            raise DataError(f"failed to write {self._option} {self.path}: {error.strerror}", hint) from error


def _identities(path: Path) -> Iterator[_Identity]:
    """Yield the identity of a file, or of a folder and everything in it, following links."""
    below = (Path(root, name) for root, folders, files in os.walk(path) for name in (*folders, *files))
    return (identity for one in (path, *below) if (identity := _identity(one)))


def _is_stdout(found: os.stat_result) -> bool:
    with suppress(OSError):  # it may be closed
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
