"""Write the results of a training job: the model artifact and the files in output.tar.gz."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgbm_runtime.core.artifact_files import MANIFEST_FILE, METADATA_FILE, MODEL_FILE
from lgbm_runtime.core.manifest import manifest_text

if TYPE_CHECKING:
    from lgbm_runtime.training.training_api import Model

METRICS_FILE = "metrics.json"
IMPORTANCE_FILE = "feature_importance.csv"
FORMAT_VERSION = 1


def write_artifact(folder: Path, model: Model, metadata: Mapping[str, Any]) -> None:
    """Write the model, metadata.json and their manifest into `folder` (/opt/ml/model).

    The model file gets its final name only after metadata.json is written. So if the model file exists, both files are
    complete and belong together. The manifest is removed first and written last, so that it never describes old files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model_path, manifest_path = folder / MODEL_FILE, folder / MANIFEST_FILE
    partial_model_path = _partial(model_path)
    metadata_text = json.dumps({"format_version": FORMAT_VERSION, **metadata}, indent=1) + "\n"
    members = {MODEL_FILE: model.text.encode(), METADATA_FILE: metadata_text.encode()}
    partial_model_path.write_bytes(members[MODEL_FILE])
    manifest_path.unlink(missing_ok=True)
    model_path.unlink(missing_ok=True)
    _write_whole(folder / METADATA_FILE, metadata_text)
    partial_model_path.replace(model_path)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    _write_whole(manifest_path, manifest_text(digests))


def write_output_data(folder: Path, history: Mapping[str, Any], feature_names: Sequence[str], model: Model) -> None:
    """Write two files into `folder` (/opt/ml/output/data).

    metrics.json maps each channel to its metrics, and each metric to one value per iteration. feature_importance.csv
    has the columns name, split and gain.
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
