"""Compare the predictions of rows with their labels, if these are known."""

from collections.abc import Sequence

from lgbm_sm.invocation.batches import JSON_LINES_TYPES
from lgbm_sm.invocation.metrics import class_codes
from lgbm_sm.invocation.output_columns import PredictionOutput
from lgbm_sm.invocation.writers import Writer, media_type_of, values_of
from lgbm_sm.progress import Reporter

_READABLE = ("text/csv", "application/json", *JSON_LINES_TYPES)


def is_scored(accept: str, output: PredictionOutput) -> bool:
    """Return whether the answers are predictions in a format that can be read."""
    return output is PredictionOutput.PREDICTION and media_type_of(accept) in _READABLE


def known_labels(
    labels: Sequence[str | None], classes: Sequence[str | float], reporter: Reporter
) -> Sequence[str | None] | None:
    """Return the labels; None, with a warning, if one is not among the classes."""
    if not classes:
        return labels
    for label in {label for label in labels if label is not None}:
        try:
            class_codes(classes, [label])
        except (KeyError, ValueError):
            reporter.warn(f"not scored: {label!r} is a label, but not a class of the model")
            return None
    return labels


class Scoring:
    """A writer that also keeps the predictions."""

    def __init__(self, writer: Writer, accept: str) -> None:
        self._writer = writer
        self._accept = accept
        self._predictions: list[list[float]] = []

    def add(self, answer: bytes, expected: int) -> int:
        """See Writer."""
        count = self._writer.add(answer, expected)
        if count == expected:
            self._predictions += [list(map(float, row)) for row in values_of(answer, self._accept) or []]
        return count

    def close(self) -> None:
        """See Writer."""
        self._writer.close()

    def compared(self, labels: Sequence[str | None]) -> tuple[list[list[float]], list[str]]:
        """Return the predictions and the labels of the rows that have a label."""
        pairs = [(row, label) for row, label in zip(self._predictions, labels, strict=True) if label is not None]
        return [row for row, _ in pairs], [label for _, label in pairs]
