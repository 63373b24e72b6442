"""A server at full load: all answers must be correct, and its memory must not grow.

    python -m tests.contract.soak --seconds 600

This command starts the project's own server with one worker per processor. It exits with 1 after a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from tests.contract.models import BOSTON_NAMES, Model, train_models, write_artifact
from tests.contract.serving import Endpoint, Server, start_server

# Of the time: so long until memory is what it will be, and so long at the end to compare it with.
_WARM_UP = 0.3
_SAMPLE_SECONDS = 0.25
# One row, a hundred (answered at once), two thousand (by threads), and what is refused.
_ROWS = {"one row": (1, 6), "a hundred rows": (100, 2), "two thousand rows": (2000, 1)}
# An allocator keeps what threads have freed, for the next ones.
_ALLOWED_GROWTH_BYTES = 8e6


@dataclass
class Soak:
    """The result of a soak.

    `memory_before` and `memory_after` are medians of the memory of all processes in bytes: after the warm-up, and at
    the end.
    """

    seconds: float
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    memory_before: float = 0.0
    memory_after: float = 0.0

    @property
    def faults(self) -> list[str]:
        grown = self.memory_after - self.memory_before
        if grown > _ALLOWED_GROWTH_BYTES:
            return [*self.failures, f"memory has grown by {grown / 1e6:.1f} MB"]
        return self.failures


def soak(server: Server, model: Model, seconds: float, clients: int = 8) -> Soak:
    """Send requests on this many connections, and compare each answer with the booster."""
    endpoint = server.endpoint()
    result = Soak(seconds)
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_ask_until, args=(Endpoint(endpoint.host, endpoint.port, []), model, end, seed, result))
        for seed in range(clients)
    ]
    for thread in threads:
        thread.start()
    samples: list[float] = []
    while time.monotonic() < end:
        time.sleep(_SAMPLE_SECONDS)
        samples.append(sum(one.memory_info().rss for one in _processes(server)))
    for thread in threads:
        thread.join()
    warm = samples[int(len(samples) * _WARM_UP) :]
    part = max(1, len(warm) // 4)
    result.memory_before, result.memory_after = statistics.median(warm[:part]), statistics.median(warm[-part:])
    if not endpoint.workers_are_the_same():
        result.failures.append("a worker has died")
    return result


def _processes(server: Server) -> list[psutil.Process]:
    return [psutil.Process(server.process.pid), *server.children()]


def _ask_until(endpoint: Endpoint, model: Model, end: float, seed: int, result: Soak) -> None:
    bodies = _bodies(model, seed)
    number = seed
    try:
        while time.monotonic() < end:
            name, body, status, expected = bodies[number % len(bodies)]
            number += 1
            reply = endpoint.ask("POST", "/invocations", body, {"Content-Type": "text/csv"})
            if reply.status != status or (expected is not None and _values(reply.body) != expected):
                result.failures.append(f"{name}: {reply.status} {reply.body[:100]!r}")
                return
            result.answers[name] += 1
    except OSError as error:
        result.failures.append(f"{error!r}")
    finally:
        endpoint.hang_up()


def _bodies(model: Model, seed: int) -> list[tuple[str, bytes, int, list[float] | None]]:
    """Return different requests as tuples (name, body, status, predictions)."""
    random = np.random.default_rng(seed)
    bodies: list[tuple[str, bytes, int, list[float] | None]] = [("refused", b"1,2,x", 400, None)]
    for name, (rows, count) in _ROWS.items():
        for _ in range(count):
            X = random.normal(size=(rows, len(BOSTON_NAMES))) * 10
            X[random.random(X.shape) < 0.02 / rows] = np.nan
            lines = [",".join("" if cell != cell else repr(cell) for cell in row) for row in X.tolist()]  # noqa: PLR0124
            expected = np.asarray(model.booster.predict(X)).tolist()
            bodies.append((name, "\n".join(lines).encode(), 200, expected))
    return bodies


def _values(body: bytes) -> list[float]:
    return [float(line) for line in body.splitlines()]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args(arguments)
    model = train_models()["regression"]
    with tempfile.TemporaryDirectory() as folder:
        write_artifact(model, Path(folder, "model"))
        server = start_server(Path(folder), workers=os.cpu_count() or 1)
        try:
            result = soak(server, model, options.seconds, options.clients)
        finally:
            server.close()
    print(json.dumps({**vars(result), "faults": result.faults}, indent=1))
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
