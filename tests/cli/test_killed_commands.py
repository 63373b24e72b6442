"""After a command is killed, the next cleanup finds and removes everything that it left."""

import json
import signal

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine

WRITES_OF_RUN = 6  # training job added, completed; endpoint added, in service, deleting, removed


def run_killed(lgbm_sm: CommandLine, write: int, moment: str) -> int:
    assert isinstance(lgbm_sm, ForkedCommandLine)
    return lgbm_sm.run("run", kill=(write, moment)).returncode


def assert_cleanup_leaves_nothing(lgbm_sm: CommandLine) -> None:
    result = json.loads(lgbm_sm("cleanup", "--yes", "--output", "json").stdout)
    assert result["left"] == []
    assert json.loads(lgbm_sm("status", "--output", "json").stdout)["items"] == []
    assert lgbm_sm.programs() == []
    work_path = lgbm_sm.folder / ".lgbm-sm"
    assert [
        path for path in work_path.rglob("*") if path.is_file() and path.name not in ("record.json", "record.lock")
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES_OF_RUN + 1))
def test_cleanup_leaves_no_process_and_no_stale_record_when_run_was_killed_at_a_write(
    lgbm_sm: CommandLine, write: int, moment: str
) -> None:
    assert run_killed(lgbm_sm, write, moment) == -signal.SIGKILL
    assert_cleanup_leaves_nothing(lgbm_sm)


@pytest.mark.slow
def test_run_has_no_further_write_of_the_record_when_it_ends_by_itself(lgbm_sm: CommandLine) -> None:
    assert run_killed(lgbm_sm, WRITES_OF_RUN + 1, "before") == 0
    assert lgbm_sm.programs() == []


@pytest.mark.slow
def test_cleanup_finds_jobs_and_servers_when_the_record_is_lost(lgbm_sm: CommandLine) -> None:
    lgbm_sm("run", "--keep")
    assert lgbm_sm.programs()
    (lgbm_sm.folder / ".lgbm-sm" / "record.json").unlink()
    assert_cleanup_leaves_nothing(lgbm_sm)


@pytest.mark.slow
def test_cleanup_stops_a_server_when_its_folder_and_the_record_are_deleted(lgbm_sm: CommandLine) -> None:
    lgbm_sm("run", "--keep")
    work_path = lgbm_sm.folder / ".lgbm-sm"
    work_path.rename(lgbm_sm.folder / "moved")
    assert_cleanup_leaves_nothing(lgbm_sm)
