"""Compare predictions with known labels."""

import math
from collections.abc import Sequence
from typing import Any


def prediction_metrics(
    metadata: dict[str, Any], predictions: Sequence[Sequence[float]], labels: Sequence[str]
) -> dict[str, float]:
    """Return the metrics of the model's objective, by name.

    `labels` are the cells of the target column, as prepare-data wrote them. `predictions` has the prediction for each
    label: one value, or one probability per class for a multiclass model. `metadata` has the classes in its schema.
    """
    schema = metadata.get("schema")
    classes = schema["target"]["classes"] if schema else None
    if classes is None:
        return _regression_metrics([float(label) for label in labels], [row[0] for row in predictions])
    from sklearn import metrics  # imported here, because the import takes a second

    codes = class_codes(classes, labels)
    every_code = list(range(len(classes)))
    if len(predictions[0]) == 1:
        positive = [row[0] for row in predictions]
        accuracy = sum((value > 0.5) == (code == 1) for value, code in zip(positive, codes, strict=True)) / len(codes)
        found = {"binary_logloss": float(metrics.log_loss(codes, positive, labels=every_code)), "accuracy": accuracy}
        if len(set(codes)) > 1:  # the AUC is undefined if the rows have only one class
            found["auc"] = float(metrics.roc_auc_score(codes, positive))
        return found
    chosen = [max(every_code, key=row.__getitem__) for row in predictions]
    return {
        # log_loss requires probabilities that add up to 1, but the probabilities of multiclassova do not
        "multi_logloss": float(metrics.log_loss(codes, [_normalised(row) for row in predictions], labels=every_code)),
        "accuracy": sum(one == code for one, code in zip(chosen, codes, strict=True)) / len(codes),
    }


def _regression_metrics(truth: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    import numpy as np

    labels = np.asarray(truth)
    errors = labels - np.asarray(values)
    found = {"rmse": float(np.sqrt(np.mean(errors**2))), "mae": float(np.mean(np.abs(errors)))}
    if spread := float(np.sum((labels - labels.mean()) ** 2)):  # r2 is undefined if all labels are equal
        found["r2"] = 1 - float(np.sum(errors**2)) / spread
    return found


def class_codes(classes: Sequence[str | float], labels: Sequence[str]) -> list[int]:
    """Return the position of each label among the classes.

    Texts must be equal. Numbers must have the same value.
    """
    if all(isinstance(value, str) for value in classes):
        positions: dict[str | float, int] = {value: code for code, value in enumerate(classes)}
        return [positions[label] for label in labels]
    numbers = {float(value): code for code, value in enumerate(classes)}
    return [numbers[float(label)] for label in labels]


def _normalised(row: Sequence[float]) -> list[float]:
    total = math.fsum(row)
    return [value / total for value in row]


def with_root_mean_squares(metrics: dict[str, float]) -> dict[str, float]:
    """Add `rmse` to the metrics, if LightGBM reports only its square, `l2`."""
    if "l2" in metrics and "rmse" not in metrics:
        return {**metrics, "rmse": math.sqrt(metrics["l2"])}
    return metrics
