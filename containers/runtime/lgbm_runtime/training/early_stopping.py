"""Early stopping with the rules of the package `lightgbm` (callback.py).

LightGBM's C API has no early stopping.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from lgbm_runtime.training.evaluation import VALIDATION, Result


class EarlyStopping:
    """Decides when the training ends. It uses the metrics on the validation channel."""

    def __init__(self, rounds: int, min_delta: float, *, first_metric_only: bool) -> None:
        """End the training if a metric does not improve by `min_delta` in `rounds` iterations.

        With `first_metric_only`, only the first metric counts.
        """
        self.rounds = rounds
        self.min_delta = min_delta
        self._first_metric_only = first_metric_only
        self._best: dict[str, tuple[int, float]] = {}  # metric: iteration, value

    @property
    def has_metric(self) -> bool:
        """Return whether a metric on the validation channel was a number."""
        return bool(self._best)

    def best_iteration(self, iteration: int, results: Iterable[Result], *, is_last: bool) -> int | None:
        """Return the best iteration if the training ends now, or None if it continues.

        The first iteration has the number 1. A value that is not a number does not count. If the training ends only
        because `is_last` is true, the first metric determines the best iteration.
        """
        for channel, metric, value, higher_is_better in results:
            # no value is better than NaN, so LightGBM would choose the first iteration
            if channel != VALIDATION or math.isnan(value):
                continue
            if metric not in self._best or self._is_better(value, self._best[metric][1], higher=higher_is_better):
                self._best[metric] = (iteration, value)
            if self._first_metric_only and metric != next(iter(self._best)):
                continue
            best = self._best[metric][0]
            if is_last or iteration - best >= self.rounds:
                return best
        return None

    def _is_better(self, value: float, best: float, *, higher: bool) -> bool:
        return value > best + self.min_delta if higher else value < best - self.min_delta
