"""The measured values of a run, and their ratios."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.serving_measurements.peers import CHAIN, CHAIN_AS_SHIPPED, OURS, TOOLKIT
from benchmarks.serving_measurements.workloads import (
    MANY_ROWS,
    MIXED_LARGE,
    MIXED_SMALL,
    ONE_ROW,
    ONE_ROW_16,
    WORKLOADS,
)

REQUESTS = "requests/s"
MILLISECONDS = "ms"
SECONDS = "s"
MEGABYTES = "MB"

P50 = "p50_rows_1_clients_1"
MIXED_P99 = "p99_mixed_small"
MIXED_RATE = "rate_mixed_large"
MANY_ROWS_TIME = "p50_rows_10000_clients_1"
START = "start_to_first_answer"
IDLE_PSS = "idle_pss"

# maps a rate that was measured with one client to the latency that was measured with it
TIMES_OF: Mapping[str, str] = {ONE_ROW.key: P50, MANY_ROWS.key: MANY_ROWS_TIME}

# the title and the unit of each measure, in the order of the table
MEASURES: Mapping[str, tuple[str, str]] = {
    **{workload.key: (workload.title, REQUESTS) for workload in WORKLOADS},
    P50: (f"{ONE_ROW.title}: p50", MILLISECONDS),
    MANY_ROWS_TIME: ("10,000 rows, 1 client: p50", MILLISECONDS),
    MIXED_P99: (f"{MIXED_SMALL.title}: p99", MILLISECONDS),
    MIXED_RATE: (MIXED_LARGE.title, REQUESTS),
    START: ("start to first correct answer", SECONDS),
    IDLE_PSS: ("idle memory of all processes (PSS)", MEGABYTES),
}
_MORE_IS_BETTER = (REQUESTS,)

# A ratio compares our server with the better of these two. The chain has OMP_NUM_THREADS=1.
BASELINES = (CHAIN, TOOLKIT)

GUARD_SHARE = 1 / 150


@dataclass
class Figures:
    """The values by measure and subject. There is one value per round."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, key: str, subject: str, value: float) -> None:
        self.values.setdefault(key, {}).setdefault(subject, []).append(value)

    def drop(self, subject: str, keys: Collection[str]) -> None:
        """Remove the values of a subject that has failed."""
        for key in keys:
            self.values.get(key, {}).pop(subject, None)

    def document(self) -> dict[str, Any]:
        """Return the median, the minimum, the maximum and the values by measure and subject."""
        return {
            key: {
                subject: {
                    "median": _rounded(median(values)),
                    "min": _rounded(min(values)),
                    "max": _rounded(max(values)),
                    "values": [_rounded(value) for value in values],
                }
                for subject, values in self.values[key].items()
            }
            for key in MEASURES
            if key in self.values
        }


def _rounded(value: float) -> float:
    """Round to five significant digits."""
    return float(f"{value:.5g}")


def medians(figures: Mapping[str, Any], key: str) -> dict[str, float]:
    """Return the median of each subject for a measure."""
    return {subject: float(values["median"]) for subject, values in figures.get(key, {}).items()}


def ratios(figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the ratio of our server to the better baseline for each measure.

    A ratio above 1 means that our server is better, for rates and for times. There are two more ratios.
    `10000_rows_to_chain_as_shipped` compares with the chain without OMP_NUM_THREADS. `large_request_to_mixed_p99` is
    the time of a request of 10,000 rows without other load, divided by the p99 of one-row requests during such
    requests.
    """
    found = {}
    for key, (_, unit) in MEASURES.items():
        ratio = _ratio(medians(figures, key), BASELINES, more_is_better=unit in _MORE_IS_BETTER)
        if ratio is not None:
            found[key] = ratio
    many_rows = medians(figures, "rows_10000_clients_1")
    as_shipped = _ratio(many_rows, (CHAIN_AS_SHIPPED,), more_is_better=True)
    if as_shipped is not None:
        found["10000_rows_to_chain_as_shipped"] = as_shipped
    alone = medians(figures, MANY_ROWS_TIME).get(OURS)
    beside = medians(figures, MIXED_P99).get(OURS)
    if alone and beside:
        found["large_request_to_mixed_p99"] = round(alone / beside, 2)
    return found


def _ratio(of: Mapping[str, float], baselines: tuple[str, ...], *, more_is_better: bool) -> float | None:
    others = [of[name] for name in baselines if name in of]
    if OURS not in of or not others:
        return None
    best: Callable[[list[float]], float] = max if more_is_better else min
    ratio = of[OURS] / best(others) if more_is_better else best(others) / of[OURS]
    return round(ratio, 2)


def straw_man(figures: Mapping[str, Any], floor: str) -> str:
    """Return the reason why the run is void, or an empty text.

    The run is void if the notebook's chain is too slow for a fair comparison. With 16 clients, it must reach at least
    1/150 of the rate of nginx alone.
    """
    of = medians(figures, ONE_ROW_16.key)
    if CHAIN not in of or floor not in of:
        return f"{CHAIN} or {floor} was not measured"
    if of[CHAIN] < of[floor] * GUARD_SHARE:
        return f"{CHAIN} reaches 1/{of[floor] / of[CHAIN]:.0f} of {floor}, less than 1/150: too slow to compare with"
    return ""
