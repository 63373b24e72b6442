"""Compare a command's `--set` options with the settings that its model was trained with."""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from lgbm_sm.config.lightgbm_parameters import LightgbmMissingError, parameter_names
from lgbm_sm.errors import ConfigError
from lgbm_sm.invocation.invoke import read_model_metadata
from lgbm_sm.model.lineage import Lineage, main_metric, newer_job
from lgbm_sm.model.source import find_completed_job
from lgbm_sm.preparation.origin import TARGET, data_settings
from lgbm_sm.preparation.targets import predicted_as
from lgbm_sm.record.entries import Endpoint
from lgbm_sm.workspace import Workspace

_HYPERPARAMETERS = "training.hyperparameters."
_WORDS = {"True": True, "False": False, "None": None}
_DECIMAL = re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?")  # also `.5` and `5.`, which JSON refuses


class _Difference(NamedTuple):
    key: str
    given: Any
    recorded: Any


def lineage_of(workspace: Workspace, endpoint: Endpoint) -> Lineage:
    """Return the lineage of the model that the endpoint serves."""
    jobs = {job.name for job in workspace.record.training_jobs()}
    return Lineage.of(read_model_metadata(endpoint), endpoint.training_job, jobs)


def introduce(workspace: Workspace, model: Lineage) -> None:
    """Report the name of the model, and whether a newer model exists."""
    workspace.reporter.detail(str(model))
    record, project = workspace.record, workspace.config.project.name
    if newer := newer_job(find_completed_job(record, project), model, record.training_jobs()):
        workspace.reporter.detail(
            f"a newer model exists: {newer.name}, {main_metric(newer.metrics)}; `lgbm-sm deploy` deploys it"
        )


def require_as_trained(workspace: Workspace, model: Lineage, following: str, *, free: Collection[str] = ()) -> None:
    """Refuse a `--set` of data or training that differs from the model's settings.

    Settings in config.yaml are not compared, because they are for the next training. `following` are the commands that
    make a model with the new value. The keys in `free` are not compared either, because they describe the table of a
    prediction.

    Raises:
        ConfigError: a setting differs. The message has each such setting with both values.
    """
    differences = [*_data_differences(workspace, model, free), *_hyperparameter_differences(workspace, model)]
    if not differences:
        return
    sentences = "\n".join(
        f"--set {one.key}={_shown(one.given)} has no effect here: model {model.name} was trained with "
        f"{_shown(one.recorded)}"
        for one in differences
    )
    which = "it" if len(differences) == 1 else "them"
    raise ConfigError(sentences, f"omit {which}, or run {following} with {which} first")


def _data_differences(workspace: Workspace, model: Lineage, free: Collection[str]) -> Iterator[_Difference]:
    given = sorted({".".join(key.split(".")[:2]) for key in workspace.overridden if key.startswith("data.")})
    config = workspace.config
    now = data_settings(config.data, predicted_as(config.training.objective))
    keys = [key for key in given if key in now and key != TARGET and key.removeprefix("data.") not in free]
    if model.origin is None:
        if keys:
            workspace.reporter.warn(f"unknown whether model {model.name} was trained with this {', '.join(keys)}")
        return
    for key in keys:
        if now[key] != model.origin.settings.get(key):
            yield _Difference(key, now[key], model.origin.settings.get(key))


def _hyperparameter_differences(workspace: Workspace, model: Lineage) -> Iterator[_Difference]:
    keys = sorted(key for key in workspace.overridden if key.startswith(_HYPERPARAMETERS))
    if not keys:
        return
    try:
        own_names = parameter_names()
    except LightgbmMissingError:  # a warning was shown when the configuration was loaded
        own_names = {}
    if not model.hyperparameters:
        workspace.reporter.warn(f"unknown whether model {model.name} was trained with this {', '.join(keys)}")
        return
    for key in keys:
        name = key.removeprefix(_HYPERPARAMETERS)
        value = workspace.config.training.hyperparameters[name]
        recorded = model.hyperparameters.get(own_names.get(name, name))
        if _as_read(value) != _as_read(recorded):
            yield _Difference(key, value, recorded)


def _as_read(value: Any) -> str:
    """Return, as JSON, the value that the training program reads for a hyperparameter.

    The program decodes JSON twice, because SageMaker's clients encode some values twice.
    """
    for _ in range(2):
        value = _decoded(value) if isinstance(value, str) else value
    return json.dumps(value)


def _decoded(text: str) -> Any:
    with suppress(ValueError):
        return json.loads(text, parse_constant=str)
    plain = re.sub(r"\s*,\s*", ",", text.strip())
    if plain in _WORDS:
        return _WORDS[plain]
    return float(plain) if _DECIMAL.fullmatch(plain) else plain


def _shown(value: Any) -> str:
    if value is None:
        return "its default"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
