"""What a client has seen: the time of each answer, and what went wrong."""

import gc
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

_EXAMPLE_CHARACTERS = 300


@dataclass
class Failure:
    """How often something went wrong, and what was said the first time."""

    count: int
    example: str


@dataclass
class Samples:
    """One phase of load: `latencies_ns` holds each good answer's time (int64, ns), `failures` the rest by their kind.

    A kind is an HTTP status, a code of AWS's, or what became of the connection. `seconds` is the time from the first
    request to the last answer. Meanwhile the client itself kept `client_cpus` processors busy, and for the part
    `client_waited` of the time it could have gone on, had the system given it one.
    """

    latencies_ns: "array[int]" = field(default_factory=lambda: array("q"))
    failures: dict[str, Failure] = field(default_factory=dict)
    seconds: float = 0.0
    client_cpus: float = 0.0
    client_waited: float = 0.0

    @property
    def failed(self) -> int:
        """How many requests were not answered with a 2xx status."""
        return sum(failure.count for failure in self.failures.values())

    @property
    def requests(self) -> int:
        """How many requests were made."""
        return len(self.latencies_ns) + self.failed

    def fail(self, kind: str, example: str) -> None:
        """Count a request that was not answered, or not well."""
        if kind in self.failures:
            self.failures[kind].count += 1
        else:
            self.failures[kind] = Failure(1, " ".join(example.split())[:_EXAMPLE_CHARACTERS])

    @contextmanager
    def timed(self) -> Iterator[Self]:
        """Measure the phase that runs inside.

        Python's collector of garbage rests meanwhile: its pauses would show among the server's slowest answers.
        """
        gc.collect()
        gc.disable()
        started_at, cpu_before, delay_before = time.perf_counter(), time.process_time(), _run_delay_seconds()
        try:
            yield self
        finally:
            self.seconds = time.perf_counter() - started_at
            self.client_cpus = (time.process_time() - cpu_before) / self.seconds
            self.client_waited = (_run_delay_seconds() - delay_before) / self.seconds
            gc.enable()


def _run_delay_seconds() -> float:
    """How long this thread has waited for a processor so far; 0 where only Linux would know.

    Source: the second number of schedstat, ns on the run queue (Documentation/scheduler/sched-stats).
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


class Client(Protocol):
    """Sends requests in a closed loop: each of its clients sends the next one when the last is answered."""

    def run(self, concurrency: int, seconds: float, most_requests: int) -> Samples:
        """Load with so many clients until the time is over or so many requests are made; answers are awaited."""

    def close(self) -> None:
        """Give the connections back."""
