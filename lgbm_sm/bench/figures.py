"""The figures of a step: exact, from every answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from lgbm_sm.backends import Consumption
from lgbm_sm.bench.samples import Failure, Samples

# so much of the time: Python runs on one processor at a time, and beyond this it is the client that sets the pace
_CLIENT_LIMIT = 0.85


@dataclass(frozen=True)
class Usage:
    """What the server's programs used during a step: processors kept busy, and bytes of memory at its end."""

    cpus: float
    memory_bytes: int


@dataclass(frozen=True)
class Latency:
    """Times of good answers in ms. The percentiles are those of answers that were given: nothing is interpolated."""

    p50: float
    p90: float
    p99: float
    highest: float


@dataclass(frozen=True)
class Step:
    """One concurrency: `good` and failed requests in `seconds`, without the `warm_up` requests before it.

    `latency` is None where no request was answered well, `usage` where it cannot be seen. `is_cut` where the requests
    were at their end before the time was.
    """

    concurrency: int
    good: int
    failures: Mapping[str, Failure]
    seconds: float
    latency: Latency | None
    usage: Usage | None
    client_cpus: float
    client_waited: float
    warm_up: int
    is_cut: bool

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return sum(failure.count for failure in self.failures.values())

    @property
    def requests_per_second(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds

    @property
    def is_client_limited(self) -> bool:
        """Whether the figures measure this program, or its want of a processor, rather than the server."""
        return self.client_cpus + self.client_waited >= _CLIENT_LIMIT


def latency_of(samples: Samples) -> Latency | None:
    """The percentiles of all good answers; None where there are none."""
    import numpy as np

    if not samples.latencies_ns:
        return None
    times = np.frombuffer(samples.latencies_ns, dtype=np.int64)
    p50, p90, p99, highest = np.percentile(times, [50, 90, 99, 100], method="inverted_cdf") / 1e6
    return Latency(float(p50), float(p90), float(p99), float(highest))


def usage_between(before: Consumption | None, after: Consumption | None) -> Usage | None:
    """What was used from one look to the next; None where one of them saw nothing."""
    if before is None or after is None:
        return None
    # a worker that ended meanwhile has taken its count with it
    busy_seconds = max(0.0, after.cpu_seconds - before.cpu_seconds)
    return Usage(busy_seconds / (after.at - before.at), after.memory_bytes)
