"""How long `lgbm-sm prepare-data` takes for a large table, beside pyarrow.csv and an earlier commit.

A seeded CSV file (500,000 rows x 100 columns: of ten columns, six are numbers with all their digits, one has two
decimals, two are integers and one is text; every fiftieth cell of one of them is missing). In alternating rounds, it is
prepared by this checkout, by the commit that `--against` names, in the same environment, and it is read and written
again by `pyarrow.csv` with its defaults. The time of our programs is that of the whole process, from start to exit;
that of pyarrow is reading and writing, without its import. Processor time and peak memory are those of the process.
Prints medians and their ratios as text on stderr, everything as JSON on stdout.

Exit code 1: this checkout takes more than 2.5 times as long as pyarrow, or more than half as long as the other commit.
An error: both commits do not write the same files.
"""

import argparse
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from benchmarks.serving_measurements.machine import conditions

CHECKOUT = Path(__file__).parents[1]
MOST_OF_PYARROW, MOST_OF_EARLIER = 2.5, 0.5
OURS, PYARROW = "lgbm-sm prepare-data", "pyarrow.csv"
BLOCK_ROWS = 50_000
COLOURS = np.array(["red", "green", "blue", "dark yellow"])
CONFIG = "data: {name: table, file: ../table.csv, target: c0}\n"

PYARROW_PROGRAM = """
import sys, time
import pyarrow.csv
start = time.perf_counter()
pyarrow.csv.write_csv(pyarrow.csv.read_csv(sys.argv[1]), sys.argv[2])
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Run:
    """One program from its start to its end."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


MEASURES = ("seconds", "cpu_seconds", "peak_mb")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count; one before them fills the caches [3]")
    parser.add_argument("--rows", type=int, default=500_000, help="rows of the table [500000]")
    parser.add_argument("--columns", type=int, default=100, help="columns of the table [100]")
    parser.add_argument("--against", metavar="COMMIT", help="also measure this commit")
    options = parser.parse_args()
    measured_on = conditions()
    packages = ("numpy", "orjson", "pyarrow", "scikit-learn")
    versions = {"python": platform.python_version(), **{package: version(package) for package in packages}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table_path = folder / "table.csv"
        write_table(table_path, options.rows, options.columns)
        programs: dict[str, Callable[[], Run]] = {
            OURS: lambda: prepare(folder / "ours", CHECKOUT),
            PYARROW: lambda: read_and_write(table_path, folder / "copy.csv"),
        }
        if options.against:
            checkout = folder / "checkout"
            check_out(options.against, checkout)
            programs[options.against] = lambda: prepare(folder / "earlier", checkout)
        runs: dict[str, list[Run]] = {program: [] for program in programs}
        for _ in range(options.rounds + 1):
            for program, run in programs.items():
                runs[program].append(run())
        if options.against and digests(folder / "ours") != digests(folder / "earlier"):
            raise RuntimeError(f"{options.against} writes other files")
        megabytes = table_path.stat().st_size / 1e6
    counted = {program: found[1:] for program, found in runs.items()}
    title = f"{options.rows:,} rows x {options.columns} columns, {megabytes:.0f} MB of CSV"
    result = compared(title, counted)
    print_comparison(result)
    print(json.dumps({"conditions": measured_on, "versions": versions, **result}, indent=1))
    ratios = result["ratios"]
    slower = options.against is not None and ratios[options.against]["seconds"] > MOST_OF_EARLIER
    return int(slower or ratios[PYARROW]["seconds"] > MOST_OF_PYARROW)


def write_table(path: Path, rows: int, columns: int) -> None:
    random = np.random.default_rng(1)

    def cells(position: int, rows: int) -> pa.Array:
        match position % 10:
            case 1 | 2:
                return pa.array(random.integers(-10_000, 100_000, rows))
            case 3:
                return pa.array(COLOURS[random.integers(len(COLOURS), size=rows)])
            case 4:
                return pa.array(random.normal(100, 30, rows).round(2))
            case 5:
                return pa.array(random.normal(size=rows), mask=random.random(rows) < 0.02)
            case _:
                return pa.array(random.normal(size=rows))

    names = [f"c{position}" for position in range(columns)]
    types = [cells(position, 1).type for position in range(columns)]
    with pa.csv.CSVWriter(path, pa.schema(zip(names, types, strict=True))) as writer:
        for start in range(0, rows, BLOCK_ROWS):
            block_rows = min(BLOCK_ROWS, rows - start)
            writer.write_table(pa.table([cells(position, block_rows) for position in range(columns)], names))


def check_out(commit: str, folder: Path) -> None:
    command = ["git", "archive", commit]
    archive = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def prepare(folder: Path, checkout: Path) -> Run:
    """Run the checkout's command in a project without prepared data."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    run, _ = measured([sys.executable, "-m", "lgbm_sm", "prepare-data"], folder, environment)
    return run


def read_and_write(table_path: Path, copy_path: Path) -> Run:
    copy_path.unlink(missing_ok=True)
    command = [sys.executable, "-c", PYARROW_PROGRAM, str(table_path), str(copy_path)]
    run, output = measured(command, copy_path.parent, dict(os.environ))
    return replace(run, seconds=float(output))


def measured(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[Run, str]:
    """Return the run and its output. Raises CalledProcessError if it fails."""
    os.sync()  # otherwise a run would wait for the disk to take the files of an earlier one
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        output.seek(0)
        text = output.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, text)
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak_bytes / 1e6), text


def digests(folder: Path) -> dict[str, str]:
    """Map each channel file to its SHA-256."""
    found = {}
    for path in sorted(folder.rglob("*.csv")):
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = file_digest(file, "sha256").hexdigest()
    return found


def compared(title: str, runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Medians, single values, and the ratios of our medians to each of the others."""
    values = {
        program: {measure: [round(asdict(run)[measure], 3) for run in found] for measure in MEASURES}
        for program, found in runs.items()
    }
    medians = {program: {measure: median(found) for measure, found in by.items()} for program, by in values.items()}
    ratios = {
        program: {measure: round(medians[OURS][measure] / reference, 3) for measure, reference in found.items()}
        for program, found in medians.items()
        if program != OURS
    }
    return {"title": title, "medians": medians, "ratios": ratios, "values": values}


def print_comparison(result: dict[str, Any]) -> None:
    print(result["title"], file=sys.stderr)
    for program, found in result["medians"].items():
        ratio = result["ratios"].get(program)
        shown = f"{found['seconds']:7.2f} s  {found['cpu_seconds']:7.2f} s of CPU  {found['peak_mb']:6.0f} MB"
        ratios = "   ratios {seconds:.2f}, {cpu_seconds:.2f}, {peak_mb:.2f}".format(**ratio) if ratio else ""
        print(f"  {program:<22} {shown}{ratios}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
