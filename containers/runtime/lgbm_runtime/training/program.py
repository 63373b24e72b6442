"""The command `train`: read the channels, train, and write the model artifact.

This module imports numpy and LightGBM only inside functions, so that the signal handlers are set early.
"""

from __future__ import annotations

import os
import platform
from contextlib import closing
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from lgbm_runtime import __version__
from lgbm_runtime.cpu import available_cpus
from lgbm_runtime.paths import ContainerPaths
from lgbm_runtime.training.artifact import write_artifact, write_output_data
from lgbm_runtime.training.channel_files import size_of
from lgbm_runtime.training.chunk_reader import ChunkReader
from lgbm_runtime.training.evaluation import TRAIN, VALIDATION
from lgbm_runtime.training.failure import TrainingError, report_failure
from lgbm_runtime.training.job_config import check_channels, hosts_of
from lgbm_runtime.training.stopping import StopRequestedError, StopSignal

if TYPE_CHECKING:
    from lgbm_runtime.training.boosting import Outcome
    from lgbm_runtime.training.channels import Channels
    from lgbm_runtime.training.settings import Settings

JOB_NAME_VARIABLE = "TRAINING_JOB_NAME"  # SageMaker sets this variable
# 128 + SIGTERM: a shell shows the same code for a process that SIGTERM has ended
STOPPED_WITHOUT_MODEL = 143


def train(paths: ContainerPaths) -> int:
    """Train under the container contract. Return the exit code.

    0: the artifact is written. After a SIGTERM, it has the best model so far. 143: a signal came before the first
    iteration, so there is no model. 1: the training failed. The reason is on stderr and in /opt/ml/output/failure. An
    unexpected error is reported in the same way and raised again.

    Call this function in the main thread, because only the main thread receives signals.
    """
    stop = StopSignal()
    try:
        stop.install()
        _train(paths, stop)
    except StopRequestedError:
        reason = "stopped by a signal before the first iteration: no model is saved"
        report_failure(TrainingError(reason), paths.failure_path)
        return STOPPED_WITHOUT_MODEL
    except TrainingError as error:
        report_failure(error, paths.failure_path)
        return 1
    except Exception as error:
        report_failure(error, paths.failure_path)
        raise
    return 0


def _train(paths: ContainerPaths, stop: StopSignal) -> None:
    hosts = hosts_of(paths.resource_config_path)
    check_channels(paths.input_data_config_path)
    cpus = available_cpus()
    # OpenMP reads this variable when LightGBM is loaded. The parameter num_threads would change the text of the model.
    os.environ.setdefault("OMP_NUM_THREADS", str(cpus))
    size = sum(size_of(paths.channel_path(channel)) for channel in (TRAIN, VALIDATION))
    # created before numpy and LightGBM start threads, because it forks processes
    with closing(ChunkReader(size, cpus)) as chunks:
        _train_with(chunks, paths, stop, len(hosts))


def _train_with(chunks: ChunkReader, paths: ContainerPaths, stop: StopSignal, hosts: int) -> None:
    from lgbm_runtime.core.lightgbm_library import LibraryError
    from lgbm_runtime.training.boosting import boost
    from lgbm_runtime.training.channel_data import ChannelReader
    from lgbm_runtime.training.channels import read_channels, read_schema
    from lgbm_runtime.training.hyperparameters import read_hyperparameters
    from lgbm_runtime.training.settings import settings_for
    from lgbm_runtime.training.training_api import Lightgbm

    try:
        lightgbm = Lightgbm()
    except LibraryError as error:
        raise TrainingError(str(error)) from error
    lightgbm.log_to(_say)
    _say(f"lgbm_runtime {__version__}, lightgbm {lightgbm.version}, python {platform.python_version()}")
    aliases = lightgbm.parameter_aliases()
    hyperparameters = read_hyperparameters(paths.hyperparameters_path, aliases, paths.output_data_path)
    threads = hyperparameters.values.get("num_threads", os.environ["OMP_NUM_THREADS"])
    _say(f"hosts: {hosts}, threads: {threads}")
    schema = read_schema(paths)
    settings = settings_for(hyperparameters, None if schema is None else schema.classes, lightgbm)
    hyperparameters.log()
    channels = read_channels(paths, schema)
    hyperparameters.check_lists(channels.columns.width)
    for channel in channels.given:
        _say(f"{channel.name}: {channel.rows} rows, {channels.columns.width} features, {', '.join(channel.files)}")
    reader = ChannelReader(chunks, channels.columns, keeps_numbers=hyperparameters.fits_linear_trees)
    outcome = boost(reader, settings, channels, lightgbm, stop)
    if outcome.stopped:
        _say(f"stopped by a signal after iteration {outcome.iterations}")
    metadata = _metadata(settings, channels, outcome, lightgbm.version)
    write_artifact(paths.model_path, outcome.model, metadata)
    write_output_data(paths.output_data_path, outcome.history.as_json(), channels.columns.feature_names, outcome.model)
    _say(f"{outcome.iterations} iterations, best iteration {outcome.best_iteration}, model in {paths.model_path}")


def _metadata(settings: Settings, channels: Channels, outcome: Outcome, lightgbm_version: str) -> dict[str, Any]:
    return {
        "training_job": os.environ.get(JOB_NAME_VARIABLE),
        "trained_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "schema": channels.columns.to_json(),
        "hyperparameters": dict(settings.hyperparameters.values),
        "objective": settings.objective,
        "num_class": settings.num_class,
        "metrics": outcome.history.at(outcome.best_iteration),
        "best_iteration": outcome.best_iteration,
        "iterations": outcome.iterations,
        "stopped": outcome.stopped,
        "warnings": list(outcome.warnings),
        "versions": {
            "lightgbm": lightgbm_version,
            "python": platform.python_version(),
            "lgbm_runtime": __version__,
        },
    }


def _say(line: str) -> None:
    print(line, flush=True)
