"""The outputs of a model. A request selects one with the custom attribute `output`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lgbm_runtime.core.booster import CONTRIBUTIONS, LEAF_INDEX, PREDICTION, RAW_SCORE, LightgbmBooster
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.schema import Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

PROBABILITIES = "probabilities"
LABEL = "label"
BINARY = "binary"
MULTICLASS = frozenset({"multiclass", "multiclassova"})


def outputs_of(booster: LightgbmBooster) -> list[str]:
    """Return the names of the outputs that the model has."""
    outputs = [PREDICTION, RAW_SCORE]
    if booster.objective == BINARY or booster.objective in MULTICLASS:
        outputs += [PROBABILITIES, LABEL]
    outputs.append(LEAF_INDEX)
    if not booster.has_linear_trees:
        outputs.append(CONTRIBUTIONS)
    return outputs


def requested_output(attributes: str, outputs: Sequence[str]) -> str:
    """Return the output that the custom attributes request.

    `attributes` is the header's text, for example `output=label`. Commas or semicolons separate the attributes.
    Attributes other than `output` are ignored. Raises InvocationError(400) if the model does not have the output, or if
    the attributes request two outputs.
    """
    if not attributes:
        return PREDICTION
    requested: str | None = None
    for attribute in attributes.replace(";", ",").split(","):
        name, _, value = attribute.partition("=")
        if name.strip().lower() != "output":
            continue
        value = value.strip().lower()
        if value not in outputs:
            raise InvocationError(400, f"the model has no output {value[:60]!r}; it has {', '.join(outputs)}")
        if requested not in (None, value):
            raise InvocationError(400, f"the custom attributes request two outputs, {requested} and {value}")
        requested = value
    return requested or PREDICTION


def compute(booster: LightgbmBooster, matrix: Matrix, output: str, classes: Sequence[Value] | None) -> list[Any]:
    """Return one element per row: a number, a class, or a list of numbers.

    Probabilities are in the order of the classes. A label is the class with the highest probability, or its code if
    `classes` is None. If two classes have the same probability, the label is the first of them. So with two classes,
    the label is the second class only if its probability is above 0.5.
    """
    if output == PROBABILITIES:
        return _lists(_probabilities(booster, matrix))
    if output == LABEL:
        codes = [int(code) for code in np.argmax(_probabilities(booster, matrix), axis=1)]
        return codes if classes is None else [classes[code] for code in codes]
    values = booster.predict(matrix, output)
    if output in (LEAF_INDEX, CONTRIBUTIONS):
        values = values.reshape(len(matrix), -1)
    return _lists(values)


def _probabilities(booster: LightgbmBooster, matrix: Matrix) -> Matrix:
    values = booster.predict(matrix, PREDICTION)
    return np.column_stack([1.0 - values, values]) if booster.objective == BINARY else values


def _lists(values: Matrix) -> list[Any]:
    lists: list[Any] = values.tolist()
    return lists
