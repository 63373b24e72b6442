"""A large file through `lgbm-sm predict`, beside a bare HTTP client that sends the same batches.

Trains Boston and brings its endpoint up as a process, writes a CSV of test rows with varied cells, and then alternates:
`lgbm-sm predict FILE --to OUT`, and threads that cut the file into blocks of the same size at line ends, post them and
throw the answers away. Prints medians of wall time, the ratio of the rates, and the peak memory of the command (the
kernel's count) as text on stderr and as JSON on stdout. Exit code 1: the command reaches less than 90 % of the bare
client's rate, or takes 300 MB or more.
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
    """Test rows with noise in each cell, so that no tree is walked twice in the same way; returns their number."""
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
    """Of whole lines, as large as a request of the command's."""
    rest = b""
    while block := rest + file.read(BATCH_BYTES - len(rest)):
        end = block.rfind(b"\n") + 1
        rest = block[end:]
        yield block[:end]


def bare_seconds(url: str, path: Path) -> float:
    """How long a client takes that does nothing but post, as many requests at a time as the command."""
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
    """Wall time and peak memory in bytes of the command; each row has got its prediction."""
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
    """Alternating runs on one endpoint."""

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
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side [3]")
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
