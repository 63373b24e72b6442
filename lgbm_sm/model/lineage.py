"""The lineage of a model in its metadata.json: its origin and its metrics."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lgbm_sm.model.archive import ArchiveError
from lgbm_sm.model.artifact import METADATA_FILE, read_artifact
from lgbm_sm.preparation.origin import DataOrigin, short
from lgbm_sm.record.entries import TrainingJob

UNKNOWN = "unknown"
Metrics = dict[str, dict[str, float | None]]
_SPLITS = ("validation", "train")  # a job without a validation channel has only metrics of the train channel


@dataclass(frozen=True)
class Lineage:
    """The model of a training job.

    Models of earlier versions lack `trained_at`, `origin` and `fingerprint`. Models of other programs have only `name`.
    `metrics` maps each split to its metrics at the best iteration.
    """

    name: str
    trained_at: datetime | None = None
    metrics: Metrics = field(default_factory=dict)
    dataset: str = ""
    fingerprint: str = ""
    origin: DataOrigin | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(metadata: Mapping[str, Any], source: str, jobs: Collection[str] = ()) -> "Lineage":
        """Return the lineage in a metadata.json.

        `source` is the model's name if it is one of the `jobs` on record, or if the file does not contain a name.
        """
        schema = _read(metadata.get("schema"), dict[str, Any], {})
        return Lineage(
            name=source if source in jobs else _read(metadata.get("training_job"), str, source),
            trained_at=_read(metadata.get("trained_at"), datetime | None, None),
            metrics=_read(metadata.get("metrics"), Metrics, {}),
            dataset=_read(schema.get("dataset"), str, ""),
            fingerprint=_read(schema.get("fingerprint"), str, ""),
            origin=_read(schema.get("origin"), DataOrigin | None, None),
            hyperparameters=_read(metadata.get("hyperparameters"), dict[str, Any], {}),
        )

    def __str__(self) -> str:
        """One line that describes the model."""
        trained = (
            f"{self.trained_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.trained_at else f"at an {UNKNOWN} time"
        )
        return (
            f"model {self.name}: trained {trained}, {main_metric(self.metrics)}, "
            f"data set {shown_data(self.dataset, self.fingerprint)}"
        )

    @property
    def document(self) -> dict[str, Any]:
        """The lineage as a JSON object. Unknown values are null."""
        return {
            "training_job": self.name,
            "trained_at": self.trained_at,
            "metrics": self.metrics or None,
            "dataset": self.dataset or None,
            "fingerprint": self.fingerprint or None,
        }


def read_lineage(artifact_path: Path, source: str, jobs: Collection[str]) -> Lineage:
    """Return the lineage of an artifact.

    It has only the name if another program made the artifact, or if the artifact is damaged.
    """
    with suppress(ArchiveError, OSError, ValueError, RecursionError):  # `deploy` reports a damaged artifact
        text = read_artifact(artifact_path, unchecked=True).texts.get(METADATA_FILE, b"{}")
        metadata = json.loads(text)
        if isinstance(metadata, dict):
            return Lineage.of(metadata, source, jobs)
    return Lineage(source)


def main_metric(metrics: Metrics) -> str:
    """Return the metric that early stopping uses, such as `validation l2 18.3`."""
    for split in _SPLITS:
        for name, value in metrics.get(split, {}).items():
            return f"{split} {name} {UNKNOWN if value is None else f'{value:.6g}'}"
    return f"metrics {UNKNOWN}"


def shown_data(dataset: str, fingerprint: str) -> str:
    """Return the name of a data set with the first digits of its fingerprint."""
    return f"{dataset} {short(fingerprint)}" if fingerprint else f"{dataset} (fingerprint {UNKNOWN})".lstrip()


def newer_job(newest: TrainingJob | None, served: Lineage, jobs: Sequence[TrainingJob]) -> TrainingJob | None:
    """Return `newest`, the newest completed job, if it started after the served model's job."""
    if newest is None or newest.name == served.name:
        return None
    started = {job.name: job.created_at for job in jobs}
    since = started.get(served.name) or served.trained_at
    return newest if since and newest.created_at > since else None


def _read(value: Any, kind: Any, default: Any) -> Any:
    """Return a part of a metadata.json, or the default if the part has another type."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(value, kind)
    return default
