"""A hyperparameter on its way from config.yaml to LightGBM: the modules whose functions hold its value."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from lgbm_runtime.training.training_api import Booster
from lgbm_sm.backends.opt_ml import lay_out_training
from lgbm_sm.config.loading import load_config
from lgbm_sm.lifecycle import prepare_data
from lgbm_sm.train import train
from tests.runtime.training_jobs import RUNTIME, TRAIN_CSV, VALID_CSV, make_job
from tests.workspaces import make_workspace

MARKER = 104729  # in no other value on the way
CONFIG = f"""\
training:
  hyperparameters:
    objective: regression
    num_leaves: {MARKER}
    num_boost_round: 1
"""


def holds(value: Any) -> bool:
    """Whether a value is the marker, a text that contains it, or a collection that holds one of these.

    Other objects are opaque: whoever hands on a whole configuration does not see the value.
    """
    if isinstance(value, dict):
        return any(map(holds, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds, value))
    if isinstance(value, str | bytes):
        return str(MARKER) in str(value)
    return isinstance(value, int | float) and value == MARKER


@contextmanager
def followed(last: CodeType, kept: dict[str, Any]) -> Iterator[set[str]]:
    """Collect our modules that hold the marker until the function `last` returns, whose arguments are `kept`."""
    modules: set[str] = set()
    before = sys.getprofile()

    def look(frame: FrameType, event: str, _: object) -> None:
        name = str(frame.f_globals.get("__name__"))
        if event not in ("call", "return") or not name.startswith(("lgbm_sm.", "lgbm_runtime.")):
            return
        if any(map(holds, list(frame.f_locals.values()))):
            modules.add(name)
        if event == "return" and frame.f_code is last:
            kept.update(frame.f_locals)
            sys.setprofile(before)

    sys.setprofile(look)
    try:
        yield modules
    finally:
        sys.setprofile(before)


@pytest.mark.slow
def test_a_hyperparameter_passes_at_most_nine_modules_on_its_way_to_lightgbm(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    kept: dict[str, Any] = {}
    prepare_data(make_workspace(tmp_path, load_config(None).config))
    with followed(lay_out_training.__code__, kept) as command:
        workspace = make_workspace(tmp_path, load_config(tmp_path / "config.yaml").config)
        process = replace(workspace.process, runtime_path=RUNTIME, environment=os.environ)
        trained = train(replace(workspace, process=process))
    assert trained.best_iteration == 1
    written = kept["inputs"].hyperparameters
    assert json.loads(written["num_leaves"]) == MARKER

    job = make_job(tmp_path / "job", written, {"train": {"a.csv": TRAIN_CSV}, "validation": {"b.csv": VALID_CSV}})
    with followed(Booster.update.__code__, {}) as program:
        assert job.run_here() == 0
    assert f"[num_leaves: {MARKER}]" in job.model_path.read_text()

    # where it is read and where LightGBM gets it: nothing on the way is missed
    assert {"lgbm_sm.config.source", "lgbm_runtime.training.training_api"} <= command | program
    assert len(command | program) <= 9, sorted(command | program)
