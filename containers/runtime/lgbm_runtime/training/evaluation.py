"""Store the metrics of each iteration, and write their lines for the log."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

TRAIN = "train"
VALIDATION = "validation"

# These characters become `_`, so that SageMaker and regular expressions accept the name: `ndcg@5` becomes `ndcg_5`.
_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")


def safe_name(metric: str) -> str:
    """Return the metric's name in log lines, metrics.json and metadata.json."""
    return _UNSAFE.sub("_", metric)


Result = tuple[str, str, float, bool]  # channel, metric, value, whether higher is better


class History:
    """The value of each metric after each iteration."""

    def __init__(self, rounds: int) -> None:
        """`rounds` is the maximum number of iterations."""
        self._rounds = rounds
        self.values: dict[str, dict[str, list[float]]] = {TRAIN: {}, VALIDATION: {}}
        self.iterations = 0
        self._deciding: tuple[str, bool] | None = None  # the first metric on the validation channel

    def add(self, results: Iterable[Result]) -> str:
        """Add the results of the next iteration. Return its line for the log.

        The line looks like `iteration=1 of 20 train:rmse=8.1 validation:rmse=9`. The numbers have enough digits to give
        the same float64 again.
        """
        self.iterations += 1
        parts = [f"iteration={self.iterations} of {self._rounds}"]
        for channel, metric, value, higher_is_better in results:
            name = safe_name(metric)
            self.values[channel].setdefault(name, []).append(float(value))
            parts.append(f"{channel}:{name}={float(value)!r}")
            if channel == VALIDATION and self._deciding is None:
                self._deciding = (name, higher_is_better)
        return " ".join(parts)

    def best_iteration(self, min_delta: float) -> int:
        """Return the iteration that early stopping would choose. The first iteration is 1.

        The first metric on the validation channel determines the result. An iteration is better only if its value is
        better by more than `min_delta`, as in LightGBM's early stopping.
        """
        if self._deciding is None:
            return self.iterations
        name, higher_is_better = self._deciding
        values = self.values[VALIDATION][name]
        best = 0
        for index, value in enumerate(values):
            gain = value - values[best] if higher_is_better else values[best] - value
            if gain > min_delta:
                best = index
        return best + 1

    @property
    def deciding_metric(self) -> str | None:
        """Return the first metric on the validation channel, or None."""
        return None if self._deciding is None else self._deciding[0]

    def at(self, iteration: int) -> dict[str, dict[str, float | None]]:
        """Return each metric after this iteration. A value that is not finite becomes None.

        The first iteration is 1.
        """
        return {
            channel: {name: _finite(values[iteration - 1]) for name, values in metrics.items()}
            for channel, metrics in self.values.items()
            if metrics
        }

    def as_json(self) -> dict[str, dict[str, list[float | None]]]:
        """Map each channel to its metrics, and each metric to one value per iteration.

        A value that is not finite becomes None.
        """
        return {
            channel: {name: [_finite(value) for value in values] for name, values in metrics.items()}
            for channel, metrics in self.values.items()
            if metrics
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
