"""Training jobs for the tests: a folder like /opt/ml, and the booster to compare with."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from lgbm_runtime.paths import ContainerPaths
from lgbm_runtime.training.program import train

RUNTIME = Path(__file__).parents[2] / "containers" / "runtime"
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Job:
    root: Path

    @property
    def model_path(self) -> Path:
        return self.root / "model" / "lightgbm-regression-model.txt"

    @property
    def booster(self) -> lightgbm.Booster:
        return lightgbm.Booster(model_file=str(self.model_path))

    @property
    def metadata(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.root / "model" / "metadata.json").read_text())
        return read

    @property
    def failure(self) -> str:
        return (self.root / "output" / "failure").read_text()

    def command(self) -> list[str]:
        return [sys.executable, "-m", "lgbm_runtime", "train", "--root", str(self.root)]

    def run_here(self) -> int:
        """Run the program in this process, then restore the signal handlers and the environment."""
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        before = dict(os.environ)
        try:
            return train(ContainerPaths(self.root))
        finally:
            os.environ.clear()
            os.environ.update(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(), env=environment(), capture_output=True, text=True, check=False, timeout=60
        )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(RUNTIME)}


def make_job(
    root: Path,
    hyperparameters: Mapping[str, Any],
    channels: Mapping[str, Mapping[str, str]],
    schema: Mapping[str, Any] | None = None,
) -> Job:
    """Create a job. `channels` maps each channel to its files by relative path."""
    config = root / "input" / "config"
    config.mkdir(parents=True)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in hyperparameters.items()}
    (config / "hyperparameters.json").write_text(json.dumps(texts))
    settings = {name: {"TrainingInputMode": "File", "ContentType": "text/csv"} for name in channels}
    (config / "inputdataconfig.json").write_text(json.dumps(settings))
    (config / "resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
    if schema is not None:
        channels = {**channels, "schema": {"schema.json": json.dumps(schema)}}
    for name, files in channels.items():
        for relative, content in files.items():
            path = root / "input" / "data" / name / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    return Job(root)


def csv_text(rows: Sequence[Sequence[object]], header: Sequence[str] | None = None) -> str:
    """Return CSV: None is an empty cell, and a float has its shortest exact form."""
    lines = [] if header is None else [",".join(header)]
    lines += [",".join("" if cell is None or str(cell) == "nan" else str(cell) for cell in row) for row in rows]
    return "\n".join(lines) + "\n"


def table(X: Matrix, y: Sequence[object] | Matrix) -> list[list[object]]:
    """Return rows with the target in the last column."""
    return [[*row, label] for row, label in zip(X.tolist(), list(y), strict=True)]


def schema_for(
    features: Sequence[Mapping[str, Any]],
    classes: Sequence[Any] | None,
    splits: Mapping[str, tuple[str, str]],
    target: str = "target",
) -> dict[str, Any]:
    """Return schema.json. `splits` maps each split to the name and the content of its file."""
    return {
        "format_version": 1,
        "dataset": "test",
        "target": {"name": target, "classes": classes},
        "features": list(features),
        "splits": {
            name: {
                "file": f"{name}/{file}",
                "rows": content.count("\n"),
                "sha256": hashlib.sha256(content.encode()).hexdigest(),
            }
            for name, (file, content) in splits.items()
        },
    }


def numeric(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "type": "numeric"} for name in names]


def regression_data(rows: int, seed: int = 7, width: int = 5) -> tuple[Matrix, Matrix]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, width))
    y = X[:, 0] * 3 + np.sin(X[:, 1] * 4) + random.normal(size=rows)
    return X, y


def direct_booster(
    params: Mapping[str, Any],
    rounds: int,
    train: tuple[Matrix, Matrix],
    validation: tuple[Matrix, Matrix] | None = None,
    *,
    early_stopping: int = 0,
    categorical: Sequence[int] = (),
) -> lightgbm.Booster:
    """Return the result of `lightgbm.train` with the same matrices."""
    train_set = lightgbm.Dataset(train[0], label=train[1], categorical_feature=list(categorical) or "auto")
    sets = [] if validation is None else [lightgbm.Dataset(validation[0], label=validation[1], reference=train_set)]
    callbacks: list[Any] = [lightgbm.early_stopping(early_stopping, verbose=False)] if early_stopping else []
    return lightgbm.train(
        {"verbosity": -1, **params}, train_set, num_boost_round=rounds, valid_sets=sets or None, callbacks=callbacks
    )


def trees(booster: lightgbm.Booster) -> str:
    """Return the text of the trees, without names and parameters."""
    text = booster.model_to_string()
    return text[text.index("Tree=0") : text.index("end of trees")]


PARAMS = {
    "boosting_type": "gbdt",
    "objective": "regression",
    "num_leaves": 7,
    "learning_rate": 0.1,
    "feature_fraction": 0.9,
    "bagging_fraction": 0.8,
    "bagging_freq": 5,
    "verbose": -1,
}
TRAIN = regression_data(200, seed=1)
VALID = regression_data(80, seed=2)
TRAIN_CSV = csv_text(table(*TRAIN))
VALID_CSV = csv_text(table(*VALID))


def regression_job(root: Path, **hyperparameters: Any) -> Job:
    return make_job(
        root,
        {**PARAMS, "num_boost_round": 20, **hyperparameters},
        {"train": {"boston_train.csv": TRAIN_CSV}, "validation": {"boston_valid.csv": VALID_CSV}},
    )


def traced_job(root: Path) -> Job:
    """A job with a schema, a validation channel and early stopping, like a project's jobs."""
    splits = {"train": ("a.csv", TRAIN_CSV), "valid": ("b.csv", VALID_CSV)}
    return make_job(
        root,
        {**PARAMS, "num_boost_round": 5, "early_stopping_round": 3},
        {"train": {"a.csv": TRAIN_CSV}, "validation": {"b.csv": VALID_CSV}},
        schema_for(numeric("a", "b", "c", "d", "e"), None, splits),
    )
