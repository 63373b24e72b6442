"""How long the command line takes to start, against the import of what every terminal program of its kind needs.

Runs `lgbm-sm --help`, `lgbm-sm status` and `lgbm-sm config` in an empty folder, each alternating with
`python -c "import typer, rich"` in the same environment, so that both see the same machine. Prints medians of wall
time and their ratio as text on stderr and as JSON on stdout. Exit code 1: `--help` takes more than twice as long.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

LIMIT = 2.0  # of `--help`
REFERENCE = [sys.executable, "-c", "import typer, rich"]
COMMANDS = ("--help", "status", "config")


@dataclass(frozen=True)
class Comparison:
    """Medians in milliseconds."""

    command: str
    rounds: int
    command_ms: float
    reference_ms: float
    ratio: float


def wall_seconds(command: list[str], folder: str) -> float:
    """Wall time of one run, from before the start of the process to after its end."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return time.perf_counter() - start


def compare(argument: str, rounds: int, folder: str) -> Comparison:
    """Alternate command and reference; the first run of each, which fills the caches, does not count."""
    command = [str(Path(sys.executable).with_name("lgbm-sm")), argument]
    pairs = [(wall_seconds(command, folder), wall_seconds(REFERENCE, folder)) for _ in range(rounds + 1)][1:]
    command_ms = 1000 * median(pair[0] for pair in pairs)
    reference_ms = 1000 * median(pair[1] for pair in pairs)
    ratio = round(command_ms / reference_ms, 3)
    return Comparison(f"lgbm-sm {argument}", rounds, round(command_ms, 1), round(reference_ms, 1), ratio)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="runs of each side that count [15]")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        comparisons = [compare(argument, rounds, folder) for argument in COMMANDS]
    for item in comparisons:
        print(
            f"{item.command:<16} {item.command_ms:7.1f} ms   import typer, rich {item.reference_ms:7.1f} ms"
            f"   ratio {item.ratio:.2f}",
            file=sys.stderr,
        )
    print(json.dumps([asdict(item) for item in comparisons], indent=1))
    return int(comparisons[0].ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
