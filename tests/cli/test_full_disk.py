"""With a full or read-only disk, there is one clear error, and cleanup frees space first."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import _end_programs
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.contract.serving import wait_until


@pytest.fixture
def small_disk(fork_server: ForkServer, tmp_path: Path) -> Iterator[ForkedCommandLine]:
    """A trained project with an endpoint, on a file system of 3 MB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user mounts no file systems")
    command_line = ForkedCommandLine(tmp_path, {"LGBM_SM_LOCAL__BACKEND": "process"}, server=fork_server)
    try:
        for command in ("prepare-data", "train", "deploy"):
            command_line(command)
        log_path = next((tmp_path / ".lgbm-sm/endpoints").glob("*/server.log"))
        wait_until(lambda: "serving" in log_path.read_text())  # the last that it writes
        yield command_line
    finally:
        _end_programs(command_line)
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.slow
def test_cleanup_frees_space_when_the_disk_is_full(small_disk: ForkedCommandLine) -> None:
    work_path = small_disk.folder / ".lgbm-sm"
    jobs = sorted((work_path / "jobs").iterdir())
    free = os.statvfs(small_disk.folder).f_bavail * os.statvfs(small_disk.folder).f_frsize
    (small_disk.folder / "fill").write_bytes(bytes(free))
    for command in ("train", "deploy"):
        refused = small_disk(command, exit_code=3)
        assert f"error: failed to write {work_path}/record.json: No space left on device" in refused.stderr
        assert "hint: free some space: `lgbm-sm cleanup`" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert sorted((work_path / "jobs").iterdir()) == jobs
    assert len(small_disk("predict").stdout.splitlines()) == 102
    assert small_disk("cleanup", "--yes").stdout == "nothing left\n"
    assert small_disk.programs() == []
    assert json.loads((work_path / "record.json").read_text())["entries"] == []


@pytest.mark.slow
def test_what_only_reads_works_when_the_disk_is_read_only(small_disk: ForkedCommandLine) -> None:
    _end_programs(small_disk)  # a log is open for writing
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk.folder)], check=True)
    for command in ("train", "deploy", "cleanup --yes"):
        refused = small_disk(*command.split(), exit_code=3)
        assert f"failed to write {small_disk.folder}/.lgbm-sm/record.lock: Read-only file system" in refused.stderr
        assert "Traceback" not in refused.stderr
    refused = small_disk("prepare-data", exit_code=4)
    assert f"error: failed to write {small_disk.folder}/data" in refused.stderr
    assert ": Read-only file system" in refused.stderr
    assert "Completed" in small_disk("status").stdout
