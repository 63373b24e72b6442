"""What a training leaves behind: the model artifact, and the files beside it in output.tar.gz."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lgbm_runtime.training_api import Model

# The name under which inference code written for the notebook opens the model, whatever its objective.
MODEL_FILE = "lightgbm-regression-model.txt"
METADATA_FILE = "metadata.json"
METRICS_FILE = "metrics.json"
IMPORTANCE_FILE = "feature_importance.csv"
FORMAT_VERSION = 1


def write_artifact(folder: Path, model: Model, metadata: Mapping[str, Any]) -> None:
    """Writes LightGBM's text model and metadata.json into `folder` (/opt/ml/model).

    The model gets its name last and at once: where it stands, both files are whole and belong together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model_path = folder / MODEL_FILE
    partial_model_path = _partial(model_path)
    partial_model_path.write_text(model.text, encoding="utf-8")
    model_path.unlink(missing_ok=True)
    _write_whole(folder / METADATA_FILE, json.dumps({"format_version": FORMAT_VERSION, **metadata}, indent=1) + "\n")
    partial_model_path.replace(model_path)


def write_output_data(folder: Path, history: Mapping[str, Any], feature_names: Sequence[str], model: Model) -> None:
    """Writes two files into `folder` (/opt/ml/output/data).

    metrics.json: channel -> metric -> one value for each iteration. feature_importance.csv: name, split, gain.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_whole(folder / METRICS_FILE, json.dumps(history, indent=1) + "\n")
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["name", "split", "gain"])
    for name, split, gain in zip(feature_names, model.splits, model.gains, strict=True):
        writer.writerow([name, split, repr(gain)])
    _write_whole(folder / IMPORTANCE_FILE, table.getvalue())


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _write_whole(path: Path, text: str) -> None:
    partial = _partial(path)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
