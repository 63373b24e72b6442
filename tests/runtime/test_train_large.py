"""Several processes read the channels."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.runtime.training_jobs import Job, csv_text, direct_booster, environment, make_job, regression_data, table

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("large_channels")]

PARAMS = {
    "objective": "regression",
    "num_leaves": 7,
    "verbosity": -1,
    "bin_construct_sample_cnt": 20_000,
    "force_col_wise": True,  # otherwise LightGBM chooses by the clock, and adds in another order
}
ROWS = 170_000


@pytest.fixture(scope="module")
def data() -> tuple[Any, Any]:
    return regression_data(ROWS, seed=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, data: tuple[Any, Any]) -> Path:
    """A folder with two files that have 18 MB together."""
    folder = tmp_path_factory.mktemp("large")
    rows = table(*data)
    (folder / "a.csv").write_text(csv_text(rows[:90_000]))
    (folder / "b.csv").write_text(csv_text(rows[90_000:]))
    assert sum(path.stat().st_size for path in folder.iterdir()) > 1 << 24
    return folder


def large_job(root: Path, folder: Path, **parameters: Any) -> Job:
    job = make_job(root, {**PARAMS, **parameters}, {"train": {}})
    (root / "input" / "data").mkdir()
    (root / "input" / "data" / "train").symlink_to(folder)
    return job


def reading(job: Job) -> subprocess.Popen[str]:
    """Start the program, and return while it reads on two processors and has no model yet."""
    process = subprocess.Popen(job.command(), env=environment(), stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("train: "):
            break
    return process


needs_two_processors = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2 if hasattr(os, "sched_getaffinity") else False,
    reason="one processor reads alone",
)


def test_the_model_file_is_the_direct_calls_when_several_processes_read(
    tmp_path: Path, folder: Path, data: tuple[Any, Any]
) -> None:
    job = large_job(tmp_path, folder, num_iterations=5)
    ended = job.run()

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    direct_booster(PARAMS, 5, data).save_model(tmp_path / "expected.txt")
    assert job.model_path.read_text() == (tmp_path / "expected.txt").read_text()


@pytest.mark.parametrize("row", [2, 89_998])
def test_the_first_bad_cell_is_named_when_several_processes_read(tmp_path: Path, folder: Path, row: int) -> None:
    channel = tmp_path / "channel"
    channel.mkdir()
    lines = (folder / "a.csv").read_text().split("\n")
    for bad in (row, 89_999):
        lines[bad - 1] = "1,2,oops,4,5,6"
    (channel / "a.csv").write_text("\n".join(lines))
    (channel / "b.csv").symlink_to(folder / "b.csv")
    job = large_job(tmp_path / "job", channel)
    ended = job.run()

    assert ended.returncode == 1
    assert job.failure.startswith(f"channel train, a.csv: row {row}, column Column_2: 'oops' is not a number")


def test_nothing_is_saved_and_nothing_runs_on_when_a_signal_comes_while_several_processes_read(
    tmp_path: Path, folder: Path
) -> None:
    job = large_job(tmp_path, folder)
    process = reading(job)
    readers = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)

    assert process.returncode == 143, error
    assert job.failure.startswith("stopped by a signal")
    assert not [reader for reader in readers if reader.is_running()]


@needs_two_processors
def test_the_job_fails_when_a_process_that_reads_is_killed(tmp_path: Path, folder: Path) -> None:
    job = large_job(tmp_path, folder)
    process = reading(job)
    for reader in psutil.Process(process.pid).children():
        reader.kill()
    process.communicate(timeout=60)

    assert process.returncode == 1
    assert job.failure.startswith("a process that read the channels was killed, probably because the memory was full")
