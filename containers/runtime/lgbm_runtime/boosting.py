"""The call of `lightgbm.train`: the same trees as a direct call on the same matrices would give."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lgbm_runtime.channels import Channels
from lgbm_runtime.evaluation import TRAIN, VALIDATION, History
from lgbm_runtime.failure import TrainingError
from lgbm_runtime.parameter_checks import without_source_place
from lgbm_runtime.settings import Settings
from lgbm_runtime.stopping import StopSignal

# LightGBM refuses the special characters of JSON in a feature's name and replaces blanks.
_REFUSED_IN_NAMES = re.compile(r'[\s",:\[\]{}]')


@dataclass(frozen=True)
class Outcome:
    """A trained booster, cut to its best iteration; `iterations` were run; `stopped` says that a signal ended them."""

    booster: Any
    history: History
    iterations: int
    best_iteration: int
    stopped: bool


def booster_names(names: Sequence[str]) -> list[str]:
    """The names under which LightGBM knows the columns: the given ones, made safe, and still unique."""
    safe: list[str] = []
    taken = set(names)
    for name in names:
        candidate = _REFUSED_IN_NAMES.sub("_", name)
        number = 2
        while candidate != name and candidate in taken:
            candidate = f"{_REFUSED_IN_NAMES.sub('_', name)}_{number}"
            number += 1
        taken.add(candidate)
        safe.append(candidate)
    return safe


class IterationLog:
    """Callback after each iteration: prints its line, and ends the training where a stop was requested.

    `order` lets it run before LightGBM's early stopping (30), so that the last iteration gets its line too.
    """

    order = 10
    before_iteration = False

    def __init__(self, lightgbm: Any, stop: StopSignal, min_delta: float | None) -> None:
        """`min_delta` is early stopping's, None where there is no early stopping."""
        self.history = History()
        self.stopped = False
        self._lightgbm = lightgbm
        self._stop = stop
        self._min_delta = min_delta

    def __call__(self, env: Any) -> None:
        results = env.evaluation_result_list or []
        print(self.history.add(result[:4] for result in results), flush=True)
        if self._stop.requested and self.history.iterations < env.end_iteration:
            self.stopped = True
            best = self.history.iterations if self._min_delta is None else self.history.best_iteration(self._min_delta)
            raise self._lightgbm.callback.EarlyStopException(best - 1, results)


class LibraryLog:
    """Logger for `lightgbm.register_logger`: LightGBM's lines go to stdout at once, in order with ours."""

    def info(self, message: str) -> None:
        print(message, flush=True)

    def warning(self, message: str) -> None:
        print(message, flush=True)


def boost(lightgbm: Any, settings: Settings, channels: Channels, stop: StopSignal) -> Outcome:
    """Trains on the channels' matrices.

    A stop that is requested meanwhile ends the training after the iteration that is being made. Raises
    StopRequestedError where it came before, TrainingError with LightGBM's message where LightGBM fails.
    """
    params = dict(settings.params)
    rounds = _early_stopping_round(settings, channels)
    if rounds:
        params["early_stopping_round"] = rounds
    log = IterationLog(lightgbm, stop, float(params.get("early_stopping_min_delta", 0.0)) if rounds else None)
    train_set = lightgbm.Dataset(
        channels.train.features,
        label=channels.train.labels,
        feature_name=booster_names(channels.columns.feature_names) if channels.named else "auto",
        categorical_feature=channels.columns.categorical_indices or "auto",
    )
    sets = {} if params.get("is_provide_training_metric") is False else {TRAIN: train_set}
    if channels.validation is not None:
        features, labels = channels.validation.features, channels.validation.labels
        sets[VALIDATION] = lightgbm.Dataset(features, label=labels, reference=train_set)
    stop.defer()
    try:
        booster = lightgbm.train(
            params,
            train_set,
            num_boost_round=settings.num_iterations,
            valid_sets=list(sets.values()),
            valid_names=list(sets),
            callbacks=[log],
        )
    except lightgbm.basic.LightGBMError as error:
        raise TrainingError(f"LightGBM: {without_source_place(error)}") from error
    # LightGBM leaves out iterations in which it found no split
    best_iteration = max(booster.current_iteration(), 1)
    return Outcome(booster, log.history, log.history.iterations, best_iteration, log.stopped)


def _early_stopping_round(settings: Settings, channels: Channels) -> int:
    if not settings.early_stopping_round:
        return 0
    if channels.validation is None:
        print("warning: early stopping is off: there is no validation channel", flush=True)
        return 0
    if settings.params.get("boosting") == "dart":
        print("warning: early stopping is off: boosting=dart changes trees that are made already", flush=True)
        return 0
    return settings.early_stopping_round
