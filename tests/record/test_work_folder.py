"""Only direct children of our own work folder with our marker are removed.

Links are not followed.
"""

import errno
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lgbm_sm.errors import WorkFolderError
from lgbm_sm.record.work_folder import (
    is_same_folder,
    leads_through_link,
    make_folder,
    mark_former_folders,
    remove_folder,
    remove_root,
    remove_tree,
    storage_errors,
)

ID = "0123456789abcdef"


@pytest.fixture
def work_path(tmp_path: Path) -> Path:
    path = tmp_path / ".lgbm-sm"
    make_folder(path / "jobs" / "ours", ID)
    return path


def test_a_folder_of_ours_goes_with_its_read_only_folders_and_links_in_it_are_not_followed(
    work_path: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "thesis.txt").write_text("mine")
    outside.chmod(0o555)
    model = work_path / "jobs/ours/ml/model"
    model.mkdir(parents=True)
    (model / "link").symlink_to(outside)
    (model / "file").symlink_to(outside / "thesis.txt")
    model.chmod(0o555)
    remove_folder(work_path / "jobs/ours", work_path)
    assert not (work_path / "jobs/ours").exists()
    assert (outside / "thesis.txt").read_text() == "mine"
    assert outside.stat().st_mode & 0o777 == 0o555


def test_a_folder_without_a_marker_is_refused_by_name_unless_it_is_empty(work_path: Path) -> None:
    folder = work_path / "jobs" / "theirs"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(WorkFolderError, match=r"jobs/theirs is not removed: it has no marker of lgbm-sm"):
        remove_folder(folder, work_path)
    (folder / "thesis.txt").unlink()
    remove_folder(folder, work_path)
    assert not folder.exists()


def test_what_a_killed_removal_leaves_can_be_removed(work_path: Path) -> None:
    folder = work_path / "jobs" / "ours"
    for kill_at in range(1, 7):  # of six removals: three files, two folders and the marker
        make_folder(folder, ID)
        (folder / "ml/model").mkdir(parents=True)
        for name in ("a.log", "ml/b", "z.log"):
            (folder / name).write_text("")
        if (pid := os.fork()) == 0:
            kill_at_removal(kill_at)
            remove_folder(folder, work_path)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        remove_folder(folder, work_path)
        assert not folder.exists()


def kill_at_removal(number: int) -> None:
    """Send SIGKILL to this process during its removals, before the one with this number."""
    removals: list[str] = []

    def watch(event: str, _: tuple[object, ...]) -> None:
        if event in ("os.remove", "os.rmdir"):
            removals.append(event)
            if len(removals) == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


@pytest.mark.parametrize("path", ["jobs", "", "jobs/ours/output", "other/ours", "jobs/../jobs/ours", "jobs/.."])
def test_what_is_not_a_direct_child_is_refused(work_path: Path, path: str) -> None:
    for folder in ("jobs/ours/output", "other/ours"):
        make_folder(work_path / folder, ID)
    before = sorted(work_path.rglob("*"))
    with pytest.raises(WorkFolderError, match="is not removed: it is not one of the folders in"):
        remove_folder(work_path / path, work_path)
    assert sorted(work_path.rglob("*")) == before


@pytest.mark.parametrize("link", ["", "jobs", "jobs/ours"])
def test_a_link_on_the_way_is_refused_and_named(work_path: Path, tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (work_path / link).rename(elsewhere)
    (work_path / link).symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    with pytest.raises(WorkFolderError, match=f"{work_path / link} is.* a symbolic link to {elsewhere}"):
        remove_folder(work_path / "jobs/ours", work_path)
    assert sorted(elsewhere.rglob("*")) == before
    assert os.readlink(work_path / link) == str(elsewhere)  # noqa: PTH115 - of a path that may end in a slash


def test_a_folder_is_the_same_through_a_link_and_two_missing_ones_are_the_same_if_their_paths_are(
    tmp_path: Path,
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert is_same_folder(tmp_path, tmp_path / "link")
    assert not is_same_folder(tmp_path, tmp_path.parent)
    assert is_same_folder(tmp_path / "gone", tmp_path / "gone")
    assert not is_same_folder(tmp_path / "gone", tmp_path / "link/gone")


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "failed to write /houses: No space left on device",
            "free some space: `lgbm-sm cleanup` deletes jobs and endpoints of this project",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/houses/a.log"),
            "failed to write /houses/a.log: Read-only file system",
            "work in a copy of the project on a writable file system",
        ),
        (
            OSError(errno.EACCES, "Permission denied", "/houses/a.log"),
            "failed to write /houses/a.log: Permission denied",
            "check the folder and its permissions",
        ),
        (
            OSError(errno.EPERM, "Operation not permitted", "/houses/a.log"),
            "failed to write /houses/a.log: Operation not permitted",
            "check the folder and its permissions",
        ),
    ],
)
def test_an_error_of_the_disk_names_the_file_and_the_next_step(error: OSError, message: str, hint: str) -> None:
    with pytest.raises(WorkFolderError) as caught, storage_errors(Path("/houses")):
        raise error
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "of no file"), OSError(errno.ENOENT, "gone", "/houses/a.log")])
def test_an_error_that_is_none_of_the_disk_stays_as_it_is(error: OSError) -> None:
    with pytest.raises(type(error)) as caught, storage_errors(Path("/houses")):
        raise error
    assert caught.value is error


def test_a_link_counts_up_to_three_folders_above_a_path(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert leads_through_link(tmp_path / "link")
    assert leads_through_link(tmp_path / "link/jobs/a/ml")
    assert not leads_through_link(tmp_path / "link/jobs/a/ml/model")
    assert not leads_through_link(tmp_path / "jobs/a/ml")


def test_folders_of_an_earlier_version_get_a_marker_and_nothing_else_does(tmp_path: Path) -> None:
    for file in (
        *("jobs/a/training.log", "jobs/a/ml/x", "jobs/a/output/model.tar.gz", "jobs/a/ca-bundle.pem"),
        *("jobs/half/fetched.tar.gz.part", "jobs/half/model.tar.gz.tmp", "endpoints/e/server.log"),
        *("jobs/theirs/training.log", "jobs/theirs/thesis.txt", "other/a/training.log", "elsewhere/training.log"),
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "jobs/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "jobs/notes.txt").touch()
    mark_former_folders(tmp_path, ID)
    marked = sorted(path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.rglob(f".made-by-lgbm-sm-{ID}"))
    assert marked == ["endpoints/e", "jobs/a", "jobs/half"]


def test_endpoints_get_their_markers_when_the_folder_of_jobs_is_missing_or_a_link(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "endpoints/e").mkdir(parents=True)
    (tmp_path / "elsewhere/a").mkdir(parents=True)
    (tmp_path / "two/jobs").symlink_to(tmp_path / "elsewhere")
    for name in ("one", "two"):
        mark_former_folders(tmp_path / name, ID)
        assert (tmp_path / name / f"endpoints/e/.made-by-lgbm-sm-{ID}").exists()
    assert list((tmp_path / "elsewhere/a").iterdir()) == []


def test_a_file_is_no_folder_to_remove_and_a_missing_one_is_removed_already(work_path: Path) -> None:
    (work_path / "endpoints").mkdir()
    (work_path / "endpoints/e").write_text("mine")
    with pytest.raises(WorkFolderError) as caught:
        remove_folder(work_path / "endpoints/e", work_path)
    assert caught.value.message == f"{work_path}/endpoints/e is not removed: it is not a folder"
    assert caught.value.hint == "check it, and remove it yourself if you do not need it"
    assert (work_path / "endpoints/e").read_text() == "mine"
    remove_folder(work_path / "endpoints/gone", work_path)


def test_the_root_of_a_job_is_removed_and_its_log_stays(work_path: Path) -> None:
    folder = work_path / "jobs/ours"
    (folder / "ml/model").mkdir(parents=True)
    (folder / "training.log").touch()
    remove_root(folder / "ml", work_path)
    remove_root(folder / "ml", work_path)
    assert sorted(path.name for path in folder.iterdir()) == [f".made-by-lgbm-sm-{ID}", "training.log"]


def test_a_tree_that_is_a_link_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(WorkFolderError) as caught:
        remove_tree(tmp_path / "link")
    assert caught.value.message == (f"{tmp_path}/link is not removed: it is a symbolic link to {tmp_path}/mine")
    assert (tmp_path / "mine").is_dir()


def test_an_ordinary_user_removes_read_only_folders_at_any_depth() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o777)
        assert in_a_process_of_an_ordinary_user(lambda: make_read_only_and_remove(folder / "ml")) == 0
        assert not (folder / "ml").exists()
    finally:
        shutil.rmtree(folder)


def make_read_only_and_remove(folder: Path) -> None:
    (folder / "model/code/lib").mkdir(parents=True)
    (folder / "model/code/lib/file").touch()
    for path in (folder / "model/code/lib", folder / "model/code", folder / "model", folder):
        path.chmod(0o500)
    remove_tree(folder)


def in_a_process_of_an_ordinary_user(work: Callable[[], None]) -> int:
    """Return the exit code of a process that does the work as an ordinary user.

    root would be refused nothing.
    """
    if (pid := os.fork()) == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            work()
        except BaseException:  # noqa: BLE001 - a fork must not go on with the parent's work
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


_WATCHES: list[Callable[[str], None]] = []


@contextmanager
def before_each_removal(act: Callable[[str], None]) -> Iterator[None]:
    """Call `act` with the name of each file before it is removed."""

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.remove" and act in _WATCHES:
            act(str(arguments[0]))

    sys.addaudithook(watch)
    _WATCHES.append(act)
    try:
        yield
    finally:
        _WATCHES.remove(act)


def refuse_with(code: int, *, names_file: bool = True) -> Callable[[str], None]:
    def refuse(name: str) -> None:
        raise OSError(code, os.strerror(code), name if names_file else None)

    return refuse


def test_the_whole_path_is_named_when_a_file_cannot_be_removed(work_path: Path) -> None:
    folder = work_path / "jobs/ours"
    (folder / "a.log").touch()
    with pytest.raises(WorkFolderError) as caught, before_each_removal(refuse_with(errno.EROFS)):
        remove_folder(folder, work_path)
    assert caught.value.message == f"failed to write {folder}/a.log: Read-only file system"
    assert caught.value.hint == "work in a copy of the project on a writable file system"
    with pytest.raises(PermissionError) as denied, before_each_removal(refuse_with(errno.EACCES)):
        remove_folder(folder, work_path)
    assert (denied.value.errno, denied.value.strerror) == (errno.EACCES, "Permission denied")
    assert denied.value.filename == f"{folder}/a.log"
    unnamed = before_each_removal(refuse_with(errno.EIO, names_file=False))
    with pytest.raises(OSError, match="Input/output error") as broken, unnamed:
        remove_folder(folder, work_path)
    assert broken.value.filename == str(folder)


def test_a_removal_goes_on_when_another_command_removes_a_file_of_it(work_path: Path) -> None:
    folder = work_path / "jobs/ours"
    for name in ("a.log", "b.log", "c.log"):
        (folder / name).touch()
    gone: list[str] = []

    def remove_first(name: str) -> None:
        if name == "a.log" and not gone:
            gone.append(name)
            (folder / name).rename(folder.parent / "elsewhere")

    with before_each_removal(remove_first):
        remove_folder(folder, work_path)
    assert not folder.exists()
    assert gone == ["a.log"]
