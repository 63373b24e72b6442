"""The results of one phase of load: latencies and failures."""

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
    """The number of failures of one kind, and the message of the first failure."""

    count: int
    example: str


@dataclass
class Samples:
    """The results of one phase of load.

    `latencies_ns` are the latencies of good answers. `failures` maps a kind of failure to its count. A kind is an HTTP
    status, an AWS error code, or a failure of the connection. `seconds` is the time from the first request to the last
    answer. `client_cpus` is the number of CPUs that the client used in this time. `client_waited` is the share of the
    time in which the client waited for a CPU.
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
        """Measure the time of the `with` block.

        Garbage collection is off in the block, because its pauses would look like slow answers.
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
    """Return the time that this thread has waited for a CPU so far. Return 0 if the system is not Linux.

    Source: the second number in schedstat is the time on the run queue in ns (Documentation/scheduler/sched-stats).
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


class LoadClient(Protocol):
    """A number of clients. Each client waits for an answer before it sends its next request."""

    def run(self, concurrency: int, seconds: float, most_requests: int) -> Samples:
        """Send requests with `concurrency` clients, and wait for all answers.

        Send no more requests after `seconds`, or after `most_requests`.
        """

    def close(self) -> None:
        """Close the connections."""
