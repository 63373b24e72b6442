"""Create and remove the folders of jobs and endpoints. No other module removes them.

Each folder has a marker: an empty file whose name contains the id of the project that created the folder. Folders
without a marker are not removed, and symbolic links are not followed.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lgbm_sm.errors import STORAGE_HINTS, WorkFolderError

MARKER_PREFIX = ".made-by-lgbm-sm-"
JOBS, ENDPOINTS = "jobs", "endpoints"
# the files in folders from older versions of lgbm-sm, which wrote no markers
_FORMER_CONTENTS = frozenset(
    ("ml", "output", "training.log", "server.log", "model.tar.gz", "fetched.tar.gz", "ca-bundle.pem")
)
_ATTEMPTS = 3
_BY_HAND = "check it, and remove it yourself if you do not need it"


def is_same_folder(one: Path, other: Path) -> bool:
    """Return whether two paths lead to the same folder, also through links and bind mounts."""
    with suppress(OSError):
        return one.samefile(other)
    return one == other


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors about storage into WorkFolderError. `path` is the default path for the message.

    Raises:
        WorkFolderError: the disk is full or read-only, or a permission is missing.
    """
    try:
        yield
    except OSError as error:
        is_denied = error.errno in (errno.EACCES, errno.EPERM) and error.filename is not None
        if error.errno in STORAGE_HINTS or is_denied:
            raise WorkFolderError.of(error, path) from error
        raise


def make_folder(folder: Path, project_id: str) -> None:
    """Create the folder of a job or an endpoint, and its marker. The folder may already exist.

    Raises:
        WorkFolderError: the folder cannot be created.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{MARKER_PREFIX}{project_id}").touch()


def is_marked(folder: Path) -> bool:
    """Return whether the folder has a marker of any project."""
    return any(path.name.startswith(MARKER_PREFIX) for path in folder.iterdir())


def has_marker_of(folder: Path, project_id: str) -> bool:
    """Return whether the project with this id created the folder."""
    return (folder / f"{MARKER_PREFIX}{project_id}").exists()


def mark_former_folders(work_path: Path, project_id: str) -> None:
    """Add markers to folders that an older lgbm-sm created. Such folders contain only files of lgbm-sm."""
    for parent in (work_path / JOBS, work_path / ENDPOINTS):
        if parent.is_symlink() or not parent.is_dir():
            continue
        for folder in parent.iterdir():
            if folder.is_dir() and not folder.is_symlink() and _is_former(folder):
                make_folder(folder, project_id)


def _is_former(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir() if not path.name.startswith(MARKER_PREFIX)}
    return {name.removesuffix(".part").removesuffix(".tmp") for name in names} <= _FORMER_CONTENTS


def require_no_links(work_path: Path) -> None:
    """Raise WorkFolderError if the work folder, or a folder in it, is a symbolic link."""
    for path in (work_path, work_path / JOBS, work_path / ENDPOINTS):
        if path.is_symlink():
            raise WorkFolderError(
                f"{path} is a symbolic link to {path.readlink()}: lgbm-sm does not write through links",
                "replace the link with a folder of this project, or work in the folder that it links to",
            )


def leads_through_link(path: Path) -> bool:
    """Return whether the path, or one of the three folders above it, is a symbolic link."""
    return any(part.is_symlink() for part in (path, *path.parents[:3]))


def require_removable(folder: Path, work_path: Path) -> None:
    """Check that a folder may be removed. A folder that does not exist is no error.

    Raises:
        WorkFolderError: the folder is not directly in `jobs` or `endpoints`, is a symbolic link, or has no marker.
    """
    if folder.parent not in (work_path / JOBS, work_path / ENDPOINTS) or folder.name in ("", ".", ".."):
        raise WorkFolderError(f"{folder} is not removed: it is not one of the folders in {work_path}", _BY_HAND)
    require_no_links(work_path)
    if folder.is_symlink():
        raise WorkFolderError(f"{folder} is not removed: it is a symbolic link to {folder.readlink()}", _BY_HAND)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise WorkFolderError(f"{folder} is not removed: it is not a folder", _BY_HAND)
    # an empty folder needs no marker: a command may have been killed before it created the marker
    if any(folder.iterdir()) and not is_marked(folder):
        raise WorkFolderError(f"{folder} is not removed: it has no marker of lgbm-sm", _BY_HAND)


def remove_folder(folder: Path, work_path: Path) -> None:
    """Remove the folder of a job or an endpoint.

    Remove the marker last. So if the command is killed, the next command can remove the rest.

    Raises:
        WorkFolderError: the folder must not be removed. `require_removable` lists the reasons.
        PermissionError: the folder contains a file of another user.
    """
    require_removable(folder, work_path)
    _remove(folder, lambda name: not name.startswith(MARKER_PREFIX))


def remove_root(root: Path, work_path: Path) -> None:
    """Remove the /opt/ml folder of a job: the folder `ml` in the folder of the job.

    Raises:
        WorkFolderError: the folder of the job must not be removed. `require_removable` lists the reasons.
        PermissionError: the folder contains a file of another user.
    """
    require_removable(root.parent, work_path)
    remove_tree(root)


def remove_tree(folder: Path) -> None:
    """Remove a folder if it exists, even if it contains read-only folders.

    Symbolic links in the folder are removed, but not followed.

    Raises:
        WorkFolderError: `folder` itself is a symbolic link.
        PermissionError: the folder contains a file of another user.
    """
    if folder.is_symlink():
        raise WorkFolderError(f"{folder} is not removed: it is a symbolic link to {folder.readlink()}", _BY_HAND)
    _remove(folder, lambda _: True)


def _remove(folder: Path, is_first: Callable[[str], bool]) -> None:
    """Remove a folder. The files and folders that `is_first` selects are removed first."""
    for _ in range(_ATTEMPTS):
        try:
            _remove_once(folder, is_first)
        except FileNotFoundError:  # another command has removed the folder, or is removing it
            if not folder.exists():
                return
        except OSError as error:
            # the system gives a path relative to the folder
            path = folder / (error.filename if isinstance(error.filename, str) else "")
            if error.errno == errno.EROFS:
                raise WorkFolderError.of(OSError(error.errno, error.strerror, str(path)), folder) from error
            raise type(error)(error.errno, error.strerror, str(path)) from error


def _remove_once(folder: Path, is_first: Callable[[str], bool]) -> None:
    # descriptors are safe even if something replaces the folder with a link at the same time
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with suppress(PermissionError):  # the folder belongs to another user; its removal raises a better error
            os.fchmod(descriptor, stat.S_IRWXU)
        names = sorted(os.listdir(descriptor), key=is_first, reverse=True)  # noqa: PTH208 - of a descriptor
        for name in names:
            if stat.S_ISDIR(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                for _, _, _, below in os.fwalk(name, dir_fd=descriptor, follow_symlinks=False):
                    with suppress(PermissionError):
                        os.fchmod(below, stat.S_IRWXU)
                shutil.rmtree(name, dir_fd=descriptor)
            else:
                os.unlink(name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    folder.rmdir()
