"""Describe the model of a job or of an endpoint for `status`."""

from typing import Any

from lgbm_sm.invocation.invoke import read_model_metadata
from lgbm_sm.model.lineage import Lineage, main_metric, shown_data
from lgbm_sm.record.entries import Endpoint, RecordedEntry, TrainingJob, TrainingJobStatus


def model_document(entry: RecordedEntry) -> dict[str, Any] | None:
    """Return the model of a completed job or of an endpoint, for JSON output."""
    model = _model(entry)
    return model.document if model else None


def model_text(entry: RecordedEntry) -> str:
    """Return the metric and the data set of a job's model.

    For an endpoint, return the job and the data set of its model.
    """
    model = _model(entry)
    if model is None:
        return ""
    what = f"of {model.name}" if isinstance(entry, Endpoint) else main_metric(model.metrics)
    return f"{what}, data set {shown_data(model.dataset, model.fingerprint)}"


def _model(entry: RecordedEntry) -> Lineage | None:
    if isinstance(entry, Endpoint):
        return Lineage.of(read_model_metadata(entry), entry.training_job)
    if isinstance(entry, TrainingJob) and entry.status is TrainingJobStatus.COMPLETED:
        return Lineage(entry.name, metrics=entry.metrics, dataset=entry.dataset, fingerprint=entry.data_fingerprint)
    return None
