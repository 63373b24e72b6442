"""How long the command line takes to start, against the import of what every terminal program of its kind needs.

Runs `lgbm-sm --help`, `lgbm-sm status` and `lgbm-sm config` in an empty folder, each alternating with
`python -c "import typer, rich"` in the same environment, so that both see the same machine, and both with their
modules compiled beforehand, as pip leaves them. Prints medians of the processor's time (user and system) and of wall
time, and their ratios, as text on stderr and as JSON on stdout. Exit code 1: a command takes more than twice the
reference's processor time.
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
    """Of one run, in seconds: of the processor in user and system mode, and from before its start to after its end."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Comparison:
    """Medians in milliseconds."""

    command: str
    rounds: int
    command_cpu_ms: float
    reference_cpu_ms: float
    cpu_ratio: float
    command_wall_ms: float
    reference_wall_ms: float
    wall_ratio: float


def cost_of(command: list[str], folder: str) -> Cost:
    """Run it to its end. Its modules are compiled at the first run, whatever the environment says of that."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(Path(folder).with_name("compiled"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def compare(argument: str, rounds: int, folder: str) -> Comparison:
    """Alternate command and reference; the first run of each, which fills the caches, does not count."""
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
    parser.add_argument("--rounds", type=int, default=15, help="runs of each side that count [15]")
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
