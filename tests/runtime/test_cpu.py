from __future__ import annotations

import math
from pathlib import Path

import pytest

from lgbm_runtime.cpu import available_cpus, cpu_quota, workers_and_threads


def test_quota_is_read_from_control_group_v2(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert cpu_quota(tmp_path) == 1.5


def test_quota_is_read_from_control_group_v1(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu_quota(tmp_path) == 0.5
    assert available_cpus(tmp_path) == 1


@pytest.mark.parametrize("text", ["max 100000", "", "nonsense", "-1 100000", "0 100000", "1"])
def test_there_is_no_quota_when_the_file_names_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_quota(tmp_path) is None


def test_there_is_no_quota_when_there_is_no_control_group(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    assert available_cpus(tmp_path) >= 1


def test_quota_bounds_the_processors(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("1 100000")
    assert available_cpus(tmp_path) == 1


@pytest.mark.parametrize(
    ("cpus", "asked", "workers", "threads"),
    [(1, None, 1, 1), (2, None, 2, 1), (16, None, 8, 2), (4, 1, 1, 4), (4, 3, 3, 1), (2, 5, 5, 1)],
)
def test_workers_and_threads_share_the_processors(cpus: int, asked: int | None, workers: int, threads: int) -> None:
    assert workers_and_threads(cpus, asked) == (workers, threads)
    assert threads == 1 or workers * threads <= math.ceil(cpus)
