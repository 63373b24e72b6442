"""The answers of one phase of load: latencies and failures."""

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
    """The number of failures of one kind, and the first message."""

    count: int
    example: str


@dataclass
class Samples:
    """One phase of load: latencies of good answers (int64, ns), and failures by kind.

    A kind is an HTTP status, an AWS error code, or a failure of the connection. `seconds` is the time from the first
    request to the last answer. In that time, the client kept `client_cpus` processors busy, and waited for a processor
    for the share `client_waited`.
    """

    latencies_ns: "array[int]" = field(default_factory=lambda: array("q"))
    failures: dict[str, Failure] = field(default_factory=dict)
    seconds: float = 0.0
    client_cpus: float = 0.0
    client_waited: float = 0.0

    @property
    def failed(self) -> int:
        """The number of requests without a 2xx answer."""
        return sum(failure.count for failure in self.failures.values())

    @property
    def requests(self) -> int:
        """The number of requests sent."""
        return len(self.latencies_ns) + self.failed

    def fail(self, kind: str, example: str) -> None:
        """Count a failed request."""
        if kind in self.failures:
            self.failures[kind].count += 1
        else:
            self.failures[kind] = Failure(1, " ".join(example.split())[:_EXAMPLE_CHARACTERS])

    @contextmanager
    def timed(self) -> Iterator[Self]:
        """Measure the phase in the `with` block.

        Garbage collection is off: its pauses would count as slow answers.
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
    """Return the time that this thread has waited for a processor so far; 0 without Linux.

    Source: the second number of schedstat, ns on the run queue (Documentation/scheduler/sched-stats).
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


class LoadClient(Protocol):
    """Sends requests in a closed loop: a client waits for an answer before its next request."""

    def run(self, concurrency: int, seconds: float, most_requests: int) -> Samples:
        """Send requests with this number of clients, and wait for all answers.

        It ends when the time is up or `most_requests` are sent.
        """

    def close(self) -> None:
        """Close the connections."""
