"""Compare the ratios of the newest result with bounds.json and with the goals.

    python -m benchmarks.check [RESULT]     exit code 1: a ratio is below its bound; 2: a file does not exist
    python -m benchmarks.check --record     write new bounds: three quarters of the ratios in the result

The bounds are lower than the recorded ratios because a ratio varies by about a quarter between two runs. Absolute times
are not compared.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.serving_measurements.measures import ratios

_HERE = Path(__file__).resolve().parent
_RESULT_PATH = _HERE / "results" / "serving.json"
_BOUNDS_PATH = _HERE / "bounds.json"
_SHARE = 0.75
_MISSING = 2

# The goals of the project. A ratio compares our server with the notebook's chain (OMP_NUM_THREADS=1) or with the
# toolkit, whichever is better.
GOALS = {
    "rows_1_clients_1": 12.0,
    "rows_1_clients_16": 25.0,
    "large_rows_1_clients_16": 25.0,
    "rows_100_clients_16": 6.0,
    "rows_10000_clients_4": 1.4,
    "10000_rows_to_chain_as_shipped": 1.0,
    "p99_mixed_small": 5.0,
    "large_request_to_mixed_p99": 1.0,
    "idle_pss": 3.0,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path, nargs="?", default=_RESULT_PATH, help="[benchmarks/results/serving.json]")
    parser.add_argument("--bounds", type=Path, default=_BOUNDS_PATH, help="[benchmarks/bounds.json]")
    parser.add_argument("--record", action="store_true", help="write the bounds instead of comparing with them")
    options = parser.parse_args()
    for path in (options.result, *([] if options.record else [options.bounds])):
        if not path.exists():
            remedy = "make benchmark" if path == options.result else "python -m benchmarks.check --record"
            print(f"error: {path} does not exist: {remedy} writes it", file=sys.stderr)
            return _MISSING
    document = json.loads(options.result.read_text(encoding="utf-8"))
    if "void" in document:
        print(f"error: {options.result} is void: {document['void']}", file=sys.stderr)
        return 1
    reached = ratios(document["figures"])
    if options.record:
        bounds = {key: round(_SHARE * ratio, 2) for key, ratio in reached.items()}
        options.bounds.write_text(json.dumps(bounds, indent=1) + "\n", encoding="utf-8")
        return 0
    bounds = json.loads(options.bounds.read_text(encoding="utf-8"))
    print(report(reached, bounds))
    return int(bool(regressions(reached, bounds)))


def regressions(reached: Mapping[str, float], bounds: Mapping[str, float]) -> list[str]:
    """Return the keys of the bounds that are not reached. A missing ratio counts as 0."""
    return [key for key, bound in bounds.items() if reached.get(key, 0.0) < bound]


def report(reached: Mapping[str, float], bounds: Mapping[str, float]) -> str:
    """Return a table with a line for each ratio."""
    worse = regressions(reached, bounds)
    lines = [f"{'ratio':<34} {'reached':>8} {'bound':>8} {'goal':>8}"]
    for key in dict.fromkeys([*reached, *bounds]):
        goal = GOALS.get(key)
        word = (
            "REGRESSION" if key in worse else "" if goal is None or reached.get(key, 0.0) >= goal else "below the goal"
        )
        numbers = (reached.get(key), bounds.get(key), goal)
        cells = " ".join(f"{'-' if number is None else f'{number:.2f}':>8}" for number in numbers)
        lines.append(f"{key:<34} {cells} {word}".rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
