"""Measure `lgbm-sm predict` with a large file, and compare it with a simple HTTP client.

Trains a model on boston, starts its endpoint as a process, and writes a CSV file of test rows with varied cells. Then
two programs send this file in turn: `lgbm-sm predict FILE --to OUT`, and a simple client. The simple client splits the
file at line ends into blocks of the same size, sends them from several threads, and ignores the answers.

Prints the medians of wall time, the ratio of the rates, and the peak memory of the command: as text on stderr, and as
JSON on stdout. Exit code 1: the command reaches less than 90 % of the simple client's rate, or takes 300 MB or more.
"""

import argparse
import http.client
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import IO, Any

import numpy as np

from lgbm_sm.invocation.batches import BATCH_BYTES
from lgbm_sm.invocation.invoke import PARALLEL_REQUESTS

LEAST_RATE, MOST_BYTES = 0.9, 300_000_000
LGBM_SM = [sys.executable, "-m", "lgbm_sm"]


def write_rows(path: Path, test_path: Path, size: int) -> int:
    """Write test rows with noise, so that all rows differ. Return their number."""
    rows = np.loadtxt(test_path, delimiter=",")
    random = np.random.default_rng(1)
    written = 0
    with path.open("wb") as file:
        while file.tell() < size:
            block = rows[random.integers(0, len(rows), 50_000)]
            np.savetxt(file, block * random.uniform(0.9, 1.1, block.shape), fmt="%.5g", delimiter=",")
            written += len(block)
    return written


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield blocks of whole lines. They are as large as the requests of `lgbm-sm predict`."""
    rest = b""
    while block := rest + file.read(BATCH_BYTES - len(rest)):
        end = block.rfind(b"\n") + 1
        rest = block[end:]
        yield block[:end]


def bare_seconds(url: str, path: Path) -> float:
    """Return the time of the simple client. It has as many requests at a time as the command."""
    host = url.removeprefix("http://")
    lock = threading.Lock()
    started_at = time.monotonic()
    with path.open("rb") as file:
        waiting = blocks(file)

        def post() -> None:
            connection = http.client.HTTPConnection(host, timeout=70)
            while True:
                with lock:
                    body = next(waiting, None)
                if body is None:
                    break
                connection.request("POST", "/invocations", body, {"Content-Type": "text/csv", "Accept": "text/csv"})
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{answer.status}: {content!r}")
            connection.close()

        threads = [threading.Thread(target=post) for _ in range(PARALLEL_REQUESTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return time.monotonic() - started_at


def command_seconds(folder: Path, path: Path, rows: int) -> tuple[float, int]:
    """Run the command. Return its wall time and its peak memory in bytes.

    Raises RuntimeError if a row has no prediction.
    """
    answers = folder / "answers.csv"
    started_at = time.monotonic()
    process = subprocess.Popen([*LGBM_SM, "predict", str(path), "--to", str(answers)], cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started_at
    with answers.open("rb") as file:
        predictions = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    if os.waitstatus_to_exitcode(status) != 0 or predictions != rows:
        raise RuntimeError(f"{predictions} predictions for {rows} rows, exit status {status}")
    return seconds, _bytes(usage)


def _bytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(folder: Path, size: int, rounds: int) -> dict[str, Any]:
    """Run the command and the simple client in turn on one endpoint. Return the results."""

    def command(*arguments: str) -> str:
        return subprocess.run([*LGBM_SM, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout

    command("prepare-data")
    command("train")
    url = json.loads(command("deploy", "--output", "json", "--set", "local.backend=process"))["endpoint"]["url"]
    try:
        path = folder / "rows.csv"
        rows = write_rows(path, folder / "data" / "test" / "boston_test.csv", size)
        pairs = [(command_seconds(folder, path, rows), bare_seconds(url, path)) for _ in range(rounds)]
    finally:
        command("cleanup", "--yes")
    seconds = median(pair[0][0] for pair in pairs)
    bare = median(pair[1] for pair in pairs)
    return {
        "bytes": path.stat().st_size,
        "rows": rows,
        "rounds": rounds,
        "command_seconds": round(seconds, 2),
        "bare_client_seconds": round(bare, 2),
        "rate": round(bare / seconds, 3),
        "peak_memory_bytes": max(pair[0][1] for pair in pairs),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the file [2]")
    parser.add_argument("--rounds", type=int, default=3, help="runs of the command and of the simple client [3]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), int(given.gigabytes * 1e9), given.rounds)
    print(
        f"{result['bytes'] / 1e9:.2f} GB, {result['rows']:,} rows: {result['command_seconds']} s, bare client "
        f"{result['bare_client_seconds']} s, rate {result['rate']:.2f}, "
        f"peak memory {result['peak_memory_bytes'] / 1e6:.0f} MB",
        file=sys.stderr,
    )
    print(json.dumps(result, indent=1))
    return int(result["rate"] < LEAST_RATE or result["peak_memory_bytes"] >= MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
