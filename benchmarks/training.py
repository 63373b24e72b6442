"""Measure the time and the memory of training, compared with pandas and `lightgbm.train`.

The large job has a CSV file of random rows (1,000,000 rows, 28 features and a target, 330 MB). Two programs train on it
in turn: the program in the image, and a script with `pandas.read_csv` and `lightgbm.train`. They have the same
parameters, and their models must have the same trees. The small job has as many rows as the training split of boston.
It is compared with `import lightgbm` alone.

Prints medians and their ratios as text on stderr, and all values as JSON on stdout. Exit code 1: the large job takes
more than 1.1 times as long as the script or more than half of its memory, the small job takes longer than the import,
or the trees differ.

Both programs run with OMP_WAIT_POLICY=passive. Otherwise threads use the processor while they wait for one another, and
other programs on the machine would change the results.

The memory is the largest sum of the PSS of the process and its children. It is measured every 50 ms, only on Linux.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from lgbm_sm.backends.native_code import VARIABLE, native_code_path

RUNTIME = Path(__file__).parents[1] / "containers" / "runtime"
MOST_TIME, MOST_MEMORY, MOST_OF_IMPORT = 1.1, 0.5, 1.0
WIDTH = 28
SMALL_ROWS, SMALL_WIDTH = 303, 13
# force_col_wise: otherwise LightGBM measures which way is faster, and another way may give other trees
PARAMETERS = {"objective": "regression", "num_leaves": 31, "force_col_wise": True, "verbosity": -1}
OURS, PANDAS, IMPORT = "lgbm_runtime train", "pandas + lightgbm.train", "import lightgbm"

# A script as a user would write it. It prints the time of its imports, so that this time can be subtracted.
PANDAS_PROGRAM = """
import sys, time
start = time.perf_counter()
import lightgbm
import pandas
print(time.perf_counter() - start)
table = pandas.read_csv(sys.argv[1], header=None)
data = lightgbm.Dataset(table.iloc[:, :-1], label=table.iloc[:, -1])
parameters = {"objective": "regression", "num_leaves": 31, "force_col_wise": True, "verbosity": -1}
lightgbm.train(parameters, data, num_boost_round=int(sys.argv[2])).save_model(sys.argv[3])
"""


@dataclass(frozen=True)
class Run:
    """The time and the memory of one program, from its start to its end."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds, after one that fills the caches [3]")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large job [1000000]")
    parser.add_argument("--iterations", type=int, nargs="+", default=[20, 100], help="iterations of it [20 100]")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        small = small_job(Path(folder), options.rounds)
        print_comparison(small, IMPORT)
        large = []
        csv_path = Path(folder, "rows.csv")
        write_rows(csv_path, options.rows, WIDTH)
        for iterations in options.iterations:
            large.append(large_job(Path(folder), csv_path, iterations, options.rounds))
            print_comparison(large[-1], PANDAS)
    conditions = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("lightgbm", "numpy", "pandas", "scikit-learn")},
        "load_before_and_after": [round(load_before, 1), round(os.getloadavg()[0], 1)],
    }
    print(json.dumps({"conditions": conditions, "small": small, "large": large}, indent=1))
    return int(small["ratios"]["seconds"] > MOST_OF_IMPORT or any(map(fails, large)))


def fails(job: dict[str, Any]) -> bool:
    ratios = job["ratios"]
    return bool(ratios["seconds"] > MOST_TIME or ratios["peak_mb"] > MOST_MEMORY or not job["same_trees"])


def small_job(folder: Path, rounds: int) -> dict[str, Any]:
    csv_path = folder / "small.csv"
    write_rows(csv_path, SMALL_ROWS, SMALL_WIDTH)
    runs: dict[str, list[Run]] = {OURS: [], IMPORT: []}
    for _ in range(rounds + 1):
        runs[OURS].append(run(*program(folder, csv_path, iterations=20)))
        runs[IMPORT].append(run([sys.executable, "-c", "import lightgbm"]))
    title = f"{SMALL_ROWS} rows x {SMALL_WIDTH}, 20 iterations"
    return compared(title, {name: counted[1:] for name, counted in runs.items()}, IMPORT)


def large_job(folder: Path, csv_path: Path, iterations: int, rounds: int) -> dict[str, Any]:
    runs: dict[str, list[Run]] = {OURS: [], PANDAS: []}
    model_path = folder / "pandas.txt"
    for _ in range(rounds + 1):
        runs[OURS].append(run(*program(folder, csv_path, iterations)))
        command = [sys.executable, "-c", PANDAS_PROGRAM, str(csv_path), str(iterations), str(model_path)]
        runs[PANDAS].append(run(command))
    counted = {name: all_runs[1:] for name, all_runs in runs.items()}
    megabytes = csv_path.stat().st_size / 1e6
    job = compared(f"{megabytes:.0f} MB of CSV, {iterations} iterations", counted, PANDAS)
    job["import_seconds_of_pandas"] = round(median(float(one.output) for one in counted[PANDAS]), 3)
    ours = folder / "job" / "model" / "lightgbm-regression-model.txt"
    job["same_trees"] = trees(ours) == trees(model_path)
    return job


def write_rows(path: Path, rows: int, width: int) -> None:
    """Write random numbers with eight decimal places. The target is the last column."""
    random = np.random.default_rng(1)
    line = ",".join(["%.8f"] * (width + 1)) + "\n"
    with path.open("w", encoding="ascii") as file:
        for start in range(0, rows, 50_000):
            features = random.normal(size=(min(50_000, rows - start), width))
            target = 3 * features[:, 0] + np.sin(4 * features[:, 1]) + features[:, 2] * features[:, 3]
            target += random.normal(size=len(features))
            file.writelines(line % tuple(row) for row in np.column_stack([features, target]).tolist())


def program(folder: Path, csv_path: Path, iterations: int) -> tuple[list[str], dict[str, str]]:
    """Return the command of the program in the image for this file, and its environment."""
    root = folder / "job"
    config, channel = root / "input" / "config", root / "input" / "data" / "train"
    for made in (config, channel):
        made.mkdir(parents=True, exist_ok=True)
    link = channel / "rows.csv"
    link.unlink(missing_ok=True)
    link.symlink_to(csv_path)
    hyperparameters = {**PARAMETERS, "num_iterations": iterations}
    texts = {name: str(value) for name, value in hyperparameters.items()}
    (config / "hyperparameters.json").write_text(json.dumps(texts), encoding="utf-8")
    command = [sys.executable, "-m", "lgbm_runtime", "train", "--root", str(root)]
    # the process backend uses the same environment
    native_path = native_code_path(RUNTIME, os.environ)
    return command, {"PYTHONPATH": str(RUNTIME), VARIABLE: str(native_path or "")}


def run(command: list[str], variables: dict[str, str] | None = None) -> Run:
    """Run a program and measure it. Raises CalledProcessError if the program fails."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", **(variables or {})}
    start, cpu_start = time.perf_counter(), children_cpu_seconds()
    peak = 0.0
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        # the programs print so little that the pipe cannot become full
        while process.poll() is None:
            peak = max(peak, sum(pss_megabytes(process.pid)))
            time.sleep(0.05)
        seconds = time.perf_counter() - start
        output = process.communicate()[0]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(seconds, children_cpu_seconds() - cpu_start, peak, output)


def children_cpu_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def pss_megabytes(pid: int) -> Iterator[float]:
    """Yield the memory (PSS) of the process and of each child. Shared pages count only once."""
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            yield one.memory_full_info().pss / 1e6
    except psutil.NoSuchProcess:
        return


def compared(title: str, runs: dict[str, list[Run]], reference: str) -> dict[str, Any]:
    """Return the values, their medians, and the ratios of our medians to those of `reference`."""
    measures = ("seconds", "cpu_seconds", "peak_mb")
    values = {
        name: {measure: [round(getattr(one, measure), 3) for one in counted] for measure in measures}
        for name, counted in runs.items()
    }
    medians = {name: {measure: median(found) for measure, found in by.items()} for name, by in values.items()}
    ratios = {measure: round(medians[OURS][measure] / medians[reference][measure], 3) for measure in measures}
    return {"title": title, "medians": medians, "ratios": ratios, "values": values}


def trees(model_path: Path) -> str:
    """Return the part of the model's text that has the trees."""
    text = model_path.read_text(encoding="utf-8")
    return text[text.index("Tree=0") : text.index("end of trees")]


def print_comparison(job: dict[str, Any], reference: str) -> None:
    print(job["title"], file=sys.stderr)
    for name in (OURS, reference):
        found = job["medians"][name]
        shown = f"{found['seconds']:7.2f} s  {found['cpu_seconds']:7.2f} s of CPU  {found['peak_mb']:6.0f} MB"
        print(f"  {name:<24} {shown}", file=sys.stderr)
    ratios = job["ratios"]
    print(
        f"  {'ratio':<24} {ratios['seconds']:7.2f}    {ratios['cpu_seconds']:7.2f} {ratios['peak_mb']:15.2f}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())
