"""The machine of the measurements."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

_PROCESSORS = 2


def take_processors() -> int:
    """Limit this process and its children to two processors. Return the number of processors."""
    processors = sorted(os.sched_getaffinity(0))[:_PROCESSORS]
    os.sched_setaffinity(0, processors)
    return len(processors)


def conditions() -> dict[str, Any]:
    """Return the properties of the machine."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": _system(),
        "kernel": platform.release(),
        "load_before": [round(load, 1) for load in os.getloadavg()],
        "commit": _commit(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _commit() -> str:
    """Return the commit of this checkout, with a + if files differ from the commit."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=10"],  # noqa: S607 - the caller's git
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()
