"""The metrics of a training job after each iteration, and their lines in the log."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

TRAIN = "train"
VALIDATION = "validation"

# Metric names become valid in regular expressions and on SageMaker: `ndcg@5` becomes `ndcg_5`.
_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")


def safe_name(metric: str) -> str:
    """Return the metric's name in log lines, metrics.json and metadata.json."""
    return _UNSAFE.sub("_", metric)


Result = tuple[str, str, float, bool]  # channel, metric, value, whether higher is better


class History:
    """The value of every metric after every iteration."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = {TRAIN: {}, VALIDATION: {}}
        self.iterations = 0
        self._deciding: tuple[str, bool] | None = None  # the first metric on the validation channel

    def add(self, results: Iterable[Result]) -> str:
        """Add the results of the next iteration; return its line for the log.

        The line is `iteration=1 train:rmse=8.1 validation:rmse=9`. Numbers are written so that reading them gives the
        same float64.
        """
        self.iterations += 1
        parts = [f"iteration={self.iterations}"]
        for channel, metric, value, higher_is_better in results:
            name = safe_name(metric)
            self.values[channel].setdefault(name, []).append(float(value))
            parts.append(f"{channel}:{name}={float(value)!r}")
            if channel == VALIDATION and self._deciding is None:
                self._deciding = (name, higher_is_better)
        return " ".join(parts)

    def best_iteration(self, min_delta: float) -> int:
        """Return the iteration, from 1, that early stopping would choose.

        It decides by the first validation metric. As in LightGBM's early stopping, an iteration is better if it beats
        the best one by more than `min_delta`.
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

    def at(self, iteration: int) -> dict[str, dict[str, float | None]]:
        """Return every metric after that iteration (from 1), for JSON: None if it is not finite."""
        return {
            channel: {name: _finite(values[iteration - 1]) for name, values in metrics.items()}
            for channel, metrics in self.values.items()
            if metrics
        }

    def as_json(self) -> dict[str, dict[str, list[float | None]]]:
        """Map each channel to its metrics, and each metric to one value per iteration.

        Returns None for a value that is not finite.
        """
        return {
            channel: {name: [_finite(value) for value in values] for name, values in metrics.items()}
            for channel, metrics in self.values.items()
            if metrics
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
