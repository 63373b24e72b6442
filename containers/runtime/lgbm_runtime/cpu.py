"""The processors that the process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MOST_WORKERS = 8


def available_cpus(cgroup_path: Path = _CGROUP) -> int:
    """Return the number of processors that this process may use, at least 1.

    Two limits apply: the process's CPU affinity and its cgroup's quota. A quota is rounded up: 1.5 processors keep two
    threads busy.
    """
    cpus = _affinity()
    quota = cpu_quota(cgroup_path)
    if quota is not None:
        cpus = min(cpus, math.ceil(quota))
    return max(1, cpus)


def cpu_quota(cgroup_path: Path = _CGROUP) -> float | None:
    """Return the cgroup's quota as a number of processors, or None if there is no limit.

    Sources in the kernel's documentation: "Control Group v2" describes `cpu.max`, which has two fields in microseconds
    (`max` means no limit). "CFS Bandwidth Control" describes `cpu.cfs_quota_us` (-1 means no limit).
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
    """Return the number of worker processes, and the number of LightGBM's threads in each.

    The total number of threads is at most `cpus`, but each worker has at least one. If `workers` is None, there is one
    worker per processor, at most eight, because each worker holds the model in memory.
    """
    if workers is None:
        workers = min(cpus, _MOST_WORKERS)
    return workers, max(1, cpus // workers)
