"""The figures of a load step, computed from all answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from lgbm_sm.backends import Consumption
from lgbm_sm.bench.samples import Failure, Samples

# above this share of one CPU, the client limits the rate, because its Python code uses only one CPU
_CLIENT_LIMIT = 0.85


@dataclass(frozen=True)
class Usage:
    """The server's usage: the number of busy CPUs during a step, and the memory at the end of the step."""

    cpus: float
    memory_bytes: int


@dataclass(frozen=True)
class Latency:
    """Percentiles of the latencies of good answers, in ms. Each percentile is a measured latency."""

    p50: float
    p90: float
    p99: float
    highest: float


@dataclass(frozen=True)
class LoadStep:
    """One load step.

    `good` and `failures` count the requests in `seconds`. They do not include the `warm_up` requests. `latency` is None
    if there was no good answer. `usage` is None if it is unknown. `is_cut` is true if the step reached its limit of
    requests before its time was over.
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
        """The number of failed requests."""
        return sum(failure.count for failure in self.failures.values())

    @property
    def requests_per_second(self) -> float:
        """Good answers per second."""
        return self.good / self.seconds

    @property
    def is_client_limited(self) -> bool:
        """Whether the client limited the rate, because it was busy or waited for a CPU."""
        return self.client_cpus + self.client_waited >= _CLIENT_LIMIT


def latency_of(samples: Samples) -> Latency | None:
    """Return the percentiles of all good answers, or None if there are no good answers."""
    import numpy as np

    if not samples.latencies_ns:
        return None
    times = np.frombuffer(samples.latencies_ns, dtype=np.int64)
    p50, p90, p99, highest = np.percentile(times, [50, 90, 99, 100], method="inverted_cdf") / 1e6
    return Latency(float(p50), float(p90), float(p99), float(highest))


def usage_between(before: Consumption | None, after: Consumption | None) -> Usage | None:
    """Return the usage between two measurements, or None if a measurement is missing."""
    if before is None or after is None:
        return None
    # the total CPU time becomes smaller when a worker process ends
    busy_seconds = max(0.0, after.cpu_seconds - before.cpu_seconds)
    return Usage(busy_seconds / (after.at - before.at), after.memory_bytes)
