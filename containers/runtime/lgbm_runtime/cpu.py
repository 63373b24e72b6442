"""The processors that the process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MOST_WORKERS = 8


def available_cpus(cgroup_path: Path = _CGROUP) -> int:
    """Return the number of processors for this process, at least 1.

    It is the smaller of its affinity and its cgroup's quota, rounded up: a quota of 1.5 keeps two threads busy.
    """
    cpus = _affinity()
    quota = cpu_quota(cgroup_path)
    if quota is not None:
        cpus = min(cpus, math.ceil(quota))
    return max(1, cpus)


def cpu_quota(cgroup_path: Path = _CGROUP) -> float | None:
    """Return the cgroup's quota in processors, or None without a limit.

    Sources: the kernel's documentation, `cpu.max` in "Control Group v2" (two fields, microseconds; `max` is no limit),
    `cpu.cfs_quota_us` in "CFS Bandwidth Control" (-1 is no limit).
    """
    try:
        fields = (cgroup_path / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        try:
            fields = [
                (cgroup_path / "cpu" / name).read_text(encoding="ascii").strip()
                for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            ]
        except (OSError, UnicodeDecodeError):
            return None
    try:
        quota, period = int(fields[0]), int(fields[1])
    except (ValueError, IndexError):
        return None
    return quota / period if quota > 0 and period > 0 else None


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers_and_threads(cpus: int, workers: int | None = None) -> tuple[int, int]:
    """Return the number of worker processes, and of LightGBM's threads in each.

    Together the threads are at most `cpus`, if possible. If `workers` is None, there is one per processor, at most
    eight, since each holds the model in memory.
    """
    if workers is None:
        workers = min(cpus, _MOST_WORKERS)
    return workers, max(1, cpus // workers)
