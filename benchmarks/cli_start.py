"""Measure the start of the command line, compared with the import of typer and rich.

Runs `lgbm-sm --help`, `lgbm-sm status` and `lgbm-sm config` in an empty folder. Runs of each command alternate with
runs of the reference, `python -c "import typer, rich"`, so that both have the same conditions. The modules of both are
compiled to bytecode first, as after an installation with pip.

Prints the medians of CPU time (user and system) and of wall time, and their ratios: as text on stderr, and as JSON on
stdout. Exit code 1: a command takes more than twice the CPU time of the reference.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

LIMIT = 2.0
REFERENCE = [sys.executable, "-c", "import typer, rich"]
COMMANDS = ("--help", "status", "config")


class Cost(NamedTuple):
    """The CPU time (user and system) and the wall time of one run, in seconds."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Comparison:
    """The medians of a command and of the reference, in milliseconds."""

    command: str
    rounds: int
    command_cpu_ms: float
    reference_cpu_ms: float
    cpu_ratio: float
    command_wall_ms: float
    reference_wall_ms: float
    wall_ratio: float


def cost_of(command: list[str], folder: str) -> Cost:
    """Run the command, and return its cost.

    The first run compiles the modules, even if PYTHONDONTWRITEBYTECODE is set.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(Path(folder).with_name("compiled"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def compare(argument: str, rounds: int, folder: str) -> Comparison:
    """Run the command and the reference in turn. The first run of each only fills the caches."""
    command = [str(Path(sys.executable).with_name("lgbm-sm")), argument]
    pairs = [(cost_of(command, folder), cost_of(REFERENCE, folder)) for _ in range(rounds + 1)][1:]
    ours, reference = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    cpu_ms, wall_ms = (1000 * median(costs) for costs in zip(*ours, strict=True))
    reference_cpu_ms, reference_wall_ms = (1000 * median(costs) for costs in zip(*reference, strict=True))
    return Comparison(
        command=f"lgbm-sm {argument}",
        rounds=rounds,
        command_cpu_ms=round(cpu_ms, 1),
        reference_cpu_ms=round(reference_cpu_ms, 1),
        cpu_ratio=round(cpu_ms / reference_cpu_ms, 3),
        command_wall_ms=round(wall_ms, 1),
        reference_wall_ms=round(reference_wall_ms, 1),
        wall_ratio=round(wall_ms / reference_wall_ms, 3),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="measured runs of each command and its reference [15]")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "empty"
        folder.mkdir()
        comparisons = [compare(argument, rounds, str(folder)) for argument in COMMANDS]
    for item in comparisons:
        print(
            f"{item.command:<16} cpu {item.command_cpu_ms:6.1f} ms, reference {item.reference_cpu_ms:6.1f} ms, "
            f"ratio {item.cpu_ratio:.2f}   wall {item.command_wall_ms:7.1f} ms, {item.reference_wall_ms:7.1f} ms, "
            f"ratio {item.wall_ratio:.2f}",
            file=sys.stderr,
        )
    print(json.dumps([asdict(item) for item in comparisons], indent=1))
    return int(any(item.cpu_ratio > LIMIT for item in comparisons))


if __name__ == "__main__":
    sys.exit(main())
