"""What may be removed: direct children of our own work folder that have our marker. No link is followed."""

import os
import signal
import sys
from pathlib import Path

import pytest

from lgbm_sm.errors import WorkFolderError
from lgbm_sm.record.work_folder import make_folder, remove_folder

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
    """From now on, in this process: SIGKILL before the removal of so many files and folders is done."""
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
