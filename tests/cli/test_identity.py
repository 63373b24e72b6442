"""A project can be moved and linked, and a copy never changes the original."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import CommandLine, _end_programs
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.contract.serving import wait_until

CONFIG = """\
# what the team agreed on
project:
  name: houses  # as in the wiki
endpoint:
  source_dir: code
  entry_point: inference.py
"""
# with a user's code each worker loads the model by itself, also one that takes another's place after a move
CODE = """\
import json
import os

def output_fn(prediction, accept):
    return "".join(f"{value}\\n" for value in prediction), "text/csv"
"""
CHANGES = ("prepare-data", "build", "push", "train", "deploy", "run", "cleanup --yes", "cleanup --dry-run")


def items(lgbm_sm: CommandLine) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    return found


def record_of(lgbm_sm: CommandLine) -> bytes:
    return (lgbm_sm.folder / ".lgbm-sm/record.json").read_bytes()


@pytest.fixture(scope="module")
def original(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A project with a model and an endpoint in service. The tests must not change them."""
    folder = tmp_path_factory.mktemp("projects") / "original"
    (folder / "code").mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "code/inference.py").write_text(CODE)
    command_line = ForkedCommandLine(folder, {"LGBM_SM_LOCAL__BACKEND": "process"}, server=fork_server)
    for command in ("prepare-data", "train", "deploy"):
        command_line(command)
    log_path = next((folder / ".lgbm-sm/endpoints").glob("*/server.log"))
    wait_until(lambda: "serving" in log_path.read_text())  # said once all workers serve
    yield command_line
    _end_programs(command_line)


@pytest.fixture
def copy(original: ForkedCommandLine, tmp_path: Path) -> CommandLine:
    shutil.copytree(original.folder, tmp_path / "copy", symlinks=True)
    return ForkedCommandLine(tmp_path / "copy", original.environment, server=original.server)


@pytest.mark.slow
def test_a_copy_refuses_each_command_that_changes_something_and_names_both_folders(
    original: CommandLine, copy: CommandLine
) -> None:
    before = record_of(original)
    for command in CHANGES:
        refused = copy(*command.split(), exit_code=3)
        assert f"{copy.folder} is a copy of {original.folder}" in refused.stderr
        assert "`lgbm-sm new-identity`" in refused.stderr
    assert (record_of(original), record_of(copy)) == (before, before)
    assert [item["state"] for item in items(original)] == ["Completed", "InService"]


@pytest.mark.slow
def test_a_copy_reads_what_the_original_has_and_says_so(original: CommandLine, copy: CommandLine) -> None:
    shutil.rmtree(copy.folder / ".lgbm-sm/endpoints")  # what it shows is not its own
    predicted = copy("predict")
    assert predicted.stdout == original("predict").stdout
    assert f"{copy.folder} is a copy of {original.folder}" in predicted.stderr
    assert items(copy) == items(original)
    assert "serving" in copy("logs").stdout
    assert not (copy.folder / ".lgbm-sm/endpoints").exists()
    for command in ("config", "doctor", "policy --trust"):
        assert f"{copy.folder} is a copy of {original.folder}" in copy(*command.split()).stderr


@pytest.mark.slow
def test_a_new_identity_makes_a_copy_a_project_of_its_own(original: CommandLine, copy: CommandLine) -> None:
    own = copy.folder / ".lgbm-sm/jobs/made-in-the-copy"
    own.mkdir()
    (own / "notes.txt").write_text("mine")
    given = json.loads(copy("new-identity", "--output", "json").stdout)
    name = re.fullmatch(r"houses-[a-z]{5}", given["name"])
    assert name
    assert (copy.folder / "config.yaml").read_text() == CONFIG.replace("name: houses", f"name: {name[0]}")
    record = json.loads(record_of(copy))
    assert (record["id"], record["folder"], record["entries"]) == (given["id"], str(copy.folder), [])
    assert record["id"] != json.loads(record_of(original))["id"]
    # what only the copy has is kept, and without a marker it is not removed either
    refused = copy("cleanup", "--yes", exit_code=11)
    assert f"{own} is not removed: it has no marker of lgbm-sm" in refused.stderr
    assert (own / "notes.txt").read_text() == "mine"
    assert [path.name for path in own.parent.iterdir()] == ["made-in-the-copy"]
    assert "no completed training job" in copy("deploy", exit_code=7).stderr
    assert [item["state"] for item in items(original)] == ["Completed", "InService"]
    assert "is not a copy" in copy("new-identity", exit_code=2).stderr


@pytest.mark.slow
def test_the_same_folder_by_another_path_is_not_a_copy(original: ForkedCommandLine, tmp_path: Path) -> None:
    paths = [tmp_path / "link"]
    paths[0].symlink_to(original.folder)
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    if subprocess.run(["mount", "--bind", original.folder, mounted], check=False, capture_output=True).returncode == 0:
        paths.append(mounted)
    try:
        for path in paths:
            there = ForkedCommandLine(path, original.environment, server=original.server)
            assert "copy" not in there("prepare-data").stderr
            assert [item["state"] for item in items(there)] == ["Completed", "InService"]
    finally:
        if mounted in paths:
            subprocess.run(["umount", mounted], check=True)
    assert json.loads(record_of(original))["folder"] == str(original.folder)


@pytest.mark.slow
def test_a_moved_project_predicts_restarts_workers_and_cleans_up(copy: ForkedCommandLine) -> None:
    copy("new-identity", "--name", "movable")
    copy("train")
    copy("deploy")
    expected = copy("predict").stdout
    programs = copy.programs()
    moved = ForkedCommandLine(copy.folder.with_name("moved"), copy.environment, server=copy.server)
    copy.folder.rename(moved.folder)
    shown = moved("predict")
    assert shown.stdout == expected
    assert f"this project was moved here from {copy.folder}" in shown.stderr
    assert json.loads(record_of(moved))["folder"] == str(moved.folder)
    # whoever takes a dead worker's place loads the model from where it is now
    workers = [program for program in programs if program.ppid() in {other.pid for other in programs}]
    for worker in workers:
        worker.kill()
    psutil.wait_procs(workers, timeout=10)
    log_path = next((moved.folder / ".lgbm-sm/endpoints").glob("*/server.log"))
    wait_until(lambda: log_path.read_text().count("starting another one") == len(workers))
    again = moved("predict")
    assert again.stdout == expected
    assert "moved here" not in again.stderr
    assert "starting another one" in moved("logs").stdout
    assert moved("cleanup", "--yes").stdout == "nothing left\n"
    assert [program for program in programs if program.is_running()] == []


def test_links_in_the_place_of_our_folders_are_not_followed(original: ForkedCommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    folder.mkdir()
    shutil.copy(original.folder / "config.yaml", folder)
    linked = ForkedCommandLine(folder, original.environment, server=original.server)
    (folder / ".lgbm-sm").symlink_to(original.folder / ".lgbm-sm")
    before = record_of(original)
    for command in CHANGES:
        refused = linked(*command.split(), exit_code=3)
        assert f"{folder}/.lgbm-sm is a symbolic link to {original.folder}/.lgbm-sm" in refused.stderr
    assert items(linked) == items(original)
    assert record_of(original) == before
    (folder / ".lgbm-sm").unlink()
    (folder / ".lgbm-sm").mkdir()
    (folder / ".lgbm-sm/jobs").symlink_to(original.folder / ".lgbm-sm/jobs")
    assert ".lgbm-sm/jobs is a symbolic link" in linked("cleanup", "--yes", exit_code=3).stderr
    assert [item["state"] for item in items(original)] == ["Completed", "InService"]


def test_a_job_whose_folder_was_replaced_by_a_link_is_left_over(copy: ForkedCommandLine) -> None:
    copy("new-identity")
    outside = copy.folder.with_name("outside")
    outside.mkdir()
    (outside / "thesis.txt").write_text("mine")
    outside.chmod(0o555)
    copy("train", "--set", "training.hyperparameters.num_boost_round=1")
    job = next((copy.folder / ".lgbm-sm/jobs").iterdir())
    shutil.rmtree(job)
    job.symlink_to(outside)
    refused = copy("cleanup", "--yes", exit_code=11)
    assert f"{job} is not removed: it is a symbolic link to {outside}" in refused.stderr
    assert (outside / "thesis.txt").read_text() == "mine"
    assert outside.stat().st_mode & 0o777 == 0o555


def test_what_is_left_over_has_its_own_reason_when_two_things_have_one_name(copy: ForkedCommandLine) -> None:
    copy("new-identity")
    reasons = []
    for parent in ("jobs", "endpoints"):
        link, outside = copy.folder / ".lgbm-sm" / parent / "same-name", copy.folder.with_name(f"my {parent}")
        outside.mkdir()
        link.symlink_to(outside)
        reasons.append(f"{link} is not removed: it is a symbolic link to {outside}")
    refused = copy("cleanup", "--yes", exit_code=11).stderr
    left = refused.partition("error: ")[2]
    assert [reason in left for reason in reasons] == [True, True], refused
