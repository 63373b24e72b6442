"""Correct answers. They are computed by the booster and must be equal to the last bit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.contract.cases import CSV, FIRST, JSON, LINE, TSV
from tests.contract.models import Model
from tests.contract.serving import Endpoint, Reply


def expected_values(model: Model, rows: Sequence[Sequence[float]], output: str) -> list[Any]:
    """Return one element per row, as `Booster.predict` does: a number, a list, or a class."""
    X = np.array(rows, dtype=np.float64)
    booster = model.booster
    classes = model.schema["target"]["classes"]
    if output == "raw_score":
        values = booster.predict(X, raw_score=True)
    elif output == "leaf_index":
        values = booster.predict(X, pred_leaf=True)
    elif output == "contributions":
        values = booster.predict(X, pred_contrib=True)
    else:
        values = booster.predict(X)
        if output != "prediction" and len(classes) == 2:
            values = np.array([[1 - value, value] for value in values])
    assert isinstance(values, np.ndarray)
    if output == "label":
        return [classes[code] for code in values.argmax(axis=1)]
    listed: list[Any] = values.tolist()
    return listed


def values_in(reply: Reply) -> list[Any]:
    """Return the values in an answer of any content type."""
    text = reply.body.decode()
    content_type = reply.headers["content-type"]
    if content_type == JSON:
        document = json.loads(text)
        assert list(document) == ["predictions"]
        predictions: list[Any] = document["predictions"]
        return predictions
    assert text.endswith("\n")
    if content_type not in (CSV, TSV):
        return [json.loads(line) for line in text.splitlines()]
    delimiter = "," if content_type == CSV else "\t"
    rows = [[_cell(cell) for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)]
    return [row[0] if len(row) == 1 else row for row in rows]


def assert_still_right(endpoint: Endpoint, model: Model) -> None:
    """Assert that no worker was replaced, and that the regression model answers correctly."""
    reply = endpoint.ask("POST", "/invocations", LINE, {"Content-Type": CSV})
    assert reply.status == 200
    assert values_in(reply) == expected_values(model, [FIRST], "prediction")
    assert endpoint.workers_are_the_same()


def _cell(cell: str) -> Any:
    try:
        return int(cell) if cell.isdigit() else float(cell)
    except ValueError:
        return cell
