"""LightGBM's early stopping as in its package (callback.py), since the C API leaves it to the caller."""

from __future__ import annotations

from collections.abc import Iterable

from lgbm_runtime.training.evaluation import VALIDATION, Result


class EarlyStopping:
    """Follows each metric on the validation channel, and decides when one of them ends the training."""

    def __init__(self, rounds: int, min_delta: float, *, first_metric_only: bool) -> None:
        """The training ends if a metric has not improved by more than `min_delta` for `rounds` iterations."""
        self.rounds = rounds
        self.min_delta = min_delta
        self._first_metric_only = first_metric_only
        self._best: dict[str, tuple[int, float]] = {}  # metric: iteration, value

    def best_iteration(self, iteration: int, results: Iterable[Result], *, is_last: bool) -> int | None:
        """Return the iteration to keep, from 1, if these results end the training; None if it continues.

        The last iteration also ends it, with the best iteration by the first metric.
        """
        for channel, metric, value, higher_is_better in results:
            if channel != VALIDATION:
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
