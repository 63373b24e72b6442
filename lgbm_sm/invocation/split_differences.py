"""Warn if the test rows differ from the validation rows by more than chance explains.

A warning needs two conditions: the test metric and the validation metric differ by more than four standard errors of
their difference, and by more than a tenth. The validation metric is a little too good, because the chosen iteration is
the best of many. This effect is much smaller than four standard errors.

The standard error of a mean loss comes from the losses of the test rows, because the losses of the validation rows are
not known. If the validation metric is larger, the spread of the validation losses is assumed to be larger in the same
ratio. The formula for the standard error of an AUC comes from Hanley and McNeil (1982), "The meaning and use of the
area under a receiver operating characteristic (ROC) curve", Radiology 143(1).
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from lgbm_sm.invocation.metrics import class_codes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_STANDARD_ERRORS = 4.0
_LEAST_RELATIVE_DIFFERENCE = 0.1
_FEWEST_ROWS = 20  # with fewer rows, the spread of the losses is not known well enough
_LEAST_PROBABILITY = 1e-15  # LightGBM's kEpsilon, which limits its log losses
_SHOWN_CLASSES = 5


class _Difference(NamedTuple):
    """A metric of both splits. `errors` is the distance between them in standard errors."""

    metric: str
    test: float
    validation: float
    errors: float

    @property
    def is_large(self) -> bool:
        distance, smallest = abs(self.test - self.validation), min(abs(self.test), abs(self.validation))
        if self.metric == "auc":  # for the AUC, the loss is the share of pairs in the wrong order
            smallest = 1 - max(self.test, self.validation)
        return self.errors > _MOST_STANDARD_ERRORS and distance > _LEAST_RELATIVE_DIFFERENCE * smallest


def split_warnings(
    metadata: dict[str, Any], predictions: Sequence[Sequence[float]], labels: Sequence[str], *, given_splits: bool
) -> list[str]:
    """Return warnings about test rows that lack classes, or whose metric is unexpected.

    A metric is unexpected if it is far from the metric of the validation rows.

    `prediction_metrics` explains the arguments. `given_splits` is true if the user has split the table.
    """
    import numpy as np

    schema = metadata.get("schema")
    if not schema:
        return []
    classes = schema["target"]["classes"]
    values = np.asarray(predictions, dtype=float)
    truth = np.asarray([float(label) for label in labels] if classes is None else class_codes(classes, labels))
    found = _lacking(classes, truth)
    rows = schema.get("splits", {}).get("validation", {}).get("rows", 0)
    if min(rows, len(truth)) < _FEWEST_ROWS or len(np.unique(truth)) == 1:
        return found
    validation = metadata["metrics"].get("validation", {})
    for difference in _differences(validation, values, truth, rows, numeric=classes is None):
        if difference.is_large:
            return [*found, _text(difference, given_splits=given_splits)]
    return found


def _lacking(classes: Sequence[str | float] | None, codes: "NDArray[Any]") -> list[str]:
    lacking = sorted(set(range(len(classes or ()))) - set(codes.tolist()))
    if not classes or not lacking:
        return []
    shown = ", ".join(str(classes[code]) for code in lacking[:_SHOWN_CLASSES])
    more = f" and {len(lacking) - _SHOWN_CLASSES} more" if len(lacking) > _SHOWN_CLASSES else ""
    reason = f"no test row has one of these classes, so the test metrics do not cover them: {shown}{more}"
    change = "raise data.test_size, or if you set data.files, use another test table, and run prepare-data again"
    return [f"{reason}; {change}"]


def _text(difference: _Difference, *, given_splits: bool) -> str:
    check = (
        "make the three tables of data.files from the same kind of rows, or let lgbm-sm split one table: set data.file"
        if given_splits
        else "to compare with another split: lgbm-sm run --set data.random_state=1"
    )
    return (
        f"test {difference.metric} {difference.test:.6g} is far from validation {difference.metric} "
        f"{difference.validation:.6g}: the difference is {difference.errors:.0f} standard errors, and chance explains "
        f"at most {_MOST_STANDARD_ERRORS:.0f}; {check}"
    )


def _differences(
    validation: dict[str, float | None], values: "NDArray[Any]", truth: "NDArray[Any]", rows: int, *, numeric: bool
) -> "list[_Difference]":
    """Compare each metric that LightGBM reported and that can be computed for the test rows."""
    losses = _NUMERIC_LOSSES if numeric else _BINARY_LOSSES if values.shape[1] == 1 else _MULTICLASS_LOSSES
    found = []
    for metric, value in validation.items():
        if value is None or not math.isfinite(value):
            continue
        if metric == "auc" and losses is _BINARY_LOSSES:
            found.append(_areas(value, values[:, 0], truth == 1, rows))
        elif loss := losses.get(metric):
            found.append(_means(metric, value, loss(values, truth), rows))
    return found


def _means(metric: str, validation: float, losses: "NDArray[Any]", rows: int) -> _Difference:
    import numpy as np

    mean, compared = float(np.mean(losses)), validation**2 if metric == "rmse" else validation
    ratio = max(1.0, compared / mean) if mean else 1.0
    error = float(np.std(losses, ddof=1)) * math.sqrt(1 / len(losses) + ratio**2 / rows)
    errors = abs(mean - compared) / error if error else 0.0
    return _Difference(metric, math.sqrt(mean) if metric == "rmse" else mean, validation, errors)


def _areas(validation: float, values: "NDArray[Any]", positive: "NDArray[np.bool_]", rows: int) -> _Difference:
    from sklearn import metrics

    test = float(metrics.roc_auc_score(positive, values))
    share = float(positive.mean())
    error = math.hypot(_area_error(test, share, len(values)), _area_error(validation, share, rows))
    return _Difference("auc", test, validation, abs(test - validation) / error if error else 0.0)


def _area_error(area: float, share: float, rows: int) -> float:
    """Return the standard error of an AUC. `share` is the share of positive rows."""
    positive, negative = share * rows, (1 - share) * rows
    two_positive, two_negative = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positive - 1) * (two_positive - area**2) + (negative - 1) * (two_negative - area**2)
    return math.sqrt(max(variance, 0.0) / (positive * negative))


def _squared(values: "NDArray[Any]", truth: "NDArray[Any]") -> "NDArray[Any]":
    squares: NDArray[Any] = (values[:, 0] - truth) ** 2
    return squares


def _absolute(values: "NDArray[Any]", truth: "NDArray[Any]") -> "NDArray[Any]":
    return abs(values[:, 0] - truth)


def _log_loss(values: "NDArray[Any]", truth: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    likely = np.where(truth == 1, values[:, 0], 1 - values[:, 0])
    return np.negative(np.log(np.maximum(likely, _LEAST_PROBABILITY)))


def _binary_error(values: "NDArray[Any]", truth: "NDArray[Any]") -> "NDArray[Any]":
    is_wrong: NDArray[Any] = (values[:, 0] > 0.5) != (truth == 1)
    return is_wrong


def _multi_log_loss(values: "NDArray[Any]", truth: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    likely = np.maximum(values[np.arange(len(truth)), truth.astype(int)], _LEAST_PROBABILITY)
    losses: NDArray[Any] = np.negative(np.log(likely))
    return losses


def _multi_error(values: "NDArray[Any]", truth: "NDArray[Any]") -> "NDArray[Any]":
    is_wrong: NDArray[Any] = values.argmax(axis=1) != truth
    return is_wrong


# the keys are LightGBM's metrics; each function returns the loss of each row; the metric is the mean loss, and for rmse
# the root of the mean
_Losses: TypeAlias = "dict[str, Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]]"
_NUMERIC_LOSSES: _Losses = {"l2": _squared, "rmse": _squared, "l1": _absolute}
_BINARY_LOSSES: _Losses = {"binary_logloss": _log_loss, "binary_error": _binary_error}
_MULTICLASS_LOSSES: _Losses = {"multi_logloss": _multi_log_loss, "multi_error": _multi_error}
