"""The iterations of a training job.

They yield the same trees as `lightgbm.train` for the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from lgbm_runtime.training.channel_data import ChannelReader
from lgbm_runtime.training.channels import Channels
from lgbm_runtime.training.early_stopping import EarlyStopping
from lgbm_runtime.training.evaluation import TRAIN, VALIDATION, History, Result
from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.hyperparameters import Hyperparameters
from lgbm_runtime.training.lightgbm_probe import without_source_place
from lgbm_runtime.training.model_warnings import (
    Warnings,
    early_stopping_off,
    is_constant,
    no_usable_metric,
    poor_target,
    unfinished,
    unused_features,
)
from lgbm_runtime.training.objectives import check_labels
from lgbm_runtime.training.settings import Settings
from lgbm_runtime.training.stopping import StopSignal
from lgbm_runtime.training.training_api import Booster, Dataset, Lightgbm, LightgbmError, Model

# LightGBM refuses the special characters of JSON in a feature's name and replaces blanks.
_REFUSED_IN_NAMES = re.compile(r'[\s",:\[\]{}]')


@dataclass(frozen=True)
class Outcome:
    """A trained model, cut to its best iteration.

    `iterations` is the number of iterations that were run. `stopped` states whether a signal ended the training.
    `is_growing` states whether LightGBM still found a split in the last iteration. `warnings` are the warnings in the
    log about the data and the model.
    """

    model: Model
    history: History
    iterations: int
    best_iteration: int
    stopped: bool
    is_growing: bool
    warnings: tuple[str, ...] = ()


def booster_names(names: Sequence[str]) -> list[str]:
    """Return unique column names without characters that LightGBM refuses."""
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


def boost(
    reader: ChannelReader, settings: Settings, channels: Channels, lightgbm: Lightgbm, stop: StopSignal
) -> Outcome:
    """Read the channels and train on them.

    A stop interrupts the reading at once. It ends the training after the current iteration. Raises StopRequestedError
    for a stop before the first iteration. Raises TrainingError if the data is wrong or LightGBM fails.
    """
    warnings = Warnings()
    stopping = _early_stopping(settings.hyperparameters, channels, warnings)
    configured = settings.configure(
        lightgbm, early_stopping=stopping is not None, categorical=channels.columns.categorical_indices
    )
    try:
        data = _data(reader, settings, channels, configured, warnings)
        reader.close()
        stop.defer()
        if not data.can_measure:
            stopping = None
        outcome = _iterate(Booster(data.train, data.validation), settings.hyperparameters, channels, stopping, stop)
    except LightgbmError as error:
        raise TrainingError(f"LightGBM: {without_source_place(error)}") from error
    if stopping is not None and not stopping.has_metric:
        warnings.add([no_usable_metric(outcome.history.values[VALIDATION])])
    elif data.can_measure and outcome.is_growing and not outcome.stopped:
        warnings.add(unfinished(outcome.history, settings.hyperparameters, outcome.best_iteration, stopping))
    return replace(outcome, warnings=tuple(warnings.texts))


class _Data(NamedTuple):
    """The data of both channels. `can_measure`: the validation labels are not all equal."""

    train: Dataset
    validation: Dataset | None
    can_measure: bool


def _data(
    reader: ChannelReader, settings: Settings, channels: Channels, lightgbm: Lightgbm, warnings: Warnings
) -> _Data:
    target = channels.columns.target
    train, labels = reader.train_data(channels.train, lightgbm)
    if channels.named:
        train.set_feature_names(booster_names(channels.columns.feature_names))
    check_labels(settings.objective, labels, TRAIN)
    train.set_labels(labels)
    warnings.add(unused_features(channels.columns.features, reader.constant_features.found))
    warnings.add(poor_target(TRAIN, target, labels, settings.classes))
    if channels.validation is None:
        return _Data(train, None, can_measure=False)
    validation, labels = reader.validation_data(channels.validation, train)
    check_labels(settings.objective, labels, VALIDATION)
    validation.set_labels(labels)
    warnings.add(poor_target(VALIDATION, target, labels, settings.classes))
    return _Data(train, validation, can_measure=not is_constant(labels))


def _iterate(
    booster: Booster, given: Hyperparameters, channels: Channels, stopping: EarlyStopping | None, stop: StopSignal
) -> Outcome:
    evaluated = [TRAIN] if given.evaluates_training else []
    evaluated += [] if channels.validation is None else [VALIDATION]
    history = History(given.num_iterations)
    stopped, best = False, None
    while best is None and not stopped and history.iterations < given.num_iterations:
        booster.update()
        results: list[Result] = [
            (channel, *result) for channel in evaluated for result in booster.evaluate(int(channel == VALIDATION))
        ]
        print(history.add(results), flush=True)
        is_last = history.iterations == given.num_iterations
        if stop.requested and not is_last:
            stopped = True
            best = history.iterations if stopping is None else history.best_iteration(stopping.min_delta)
        elif stopping is not None:
            best = stopping.best_iteration(history.iterations, results, is_last=is_last)
    # LightGBM removes iterations in which it found no split
    kept = max(min(best or history.iterations, booster.iterations), 1)
    model = booster.model(kept, channels.columns.width)
    return Outcome(model, history, history.iterations, kept, stopped, booster.iterations == history.iterations)


def _early_stopping(given: Hyperparameters, channels: Channels, warnings: Warnings) -> EarlyStopping | None:
    if not given.early_stopping_round:
        return None
    if channels.validation is None:
        warnings.add([early_stopping_off("there is no validation channel", "add the channel validation")])
        return None
    if given.changes_earlier_trees:
        warnings.add([early_stopping_off("boosting=dart changes earlier trees", "set boosting=gbdt")])
        return None
    return EarlyStopping(
        given.early_stopping_round, given.early_stopping_min_delta, first_metric_only=given.first_metric_only
    )
