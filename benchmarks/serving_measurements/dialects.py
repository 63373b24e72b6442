"""The protocols of the servers. Each server gets the same numbers in its own protocol."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.serving_measurements.models import Matrix


@dataclass(frozen=True)
class Dialect:
    """A protocol.

    `write` converts rows of the shape (rows, features) and the names of the features to the body of a request. `read`
    converts the body of an answer to predictions.
    """

    path: str
    content_type: str
    accept: str
    write: Callable[[Matrix, Sequence[str]], bytes]
    read: Callable[[bytes], Matrix]


def _csv(rows: Matrix, _names: Sequence[str]) -> bytes:
    return "".join(f"{','.join(map(repr, row))}\n" for row in rows.tolist()).encode()


def _csv_with_header(rows: Matrix, names: Sequence[str]) -> bytes:
    return f"{','.join(names)}\n".encode() + _csv(rows, names)


def _v2_json(rows: Matrix, _names: Sequence[str]) -> bytes:
    tensor = {"name": "rows", "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel().tolist()}
    return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()


def _csv_numbers(body: bytes) -> Matrix:
    return np.array(body.replace(b",", b"\n").split(), dtype=np.float64)


def _predictions(body: bytes) -> Matrix:
    return np.array(json.loads(body)["predictions"], dtype=np.float64)


def _v2_outputs(body: bytes) -> Matrix:
    return np.array(json.loads(body)["outputs"][0]["data"], dtype=np.float64)


SAGEMAKER_CSV = Dialect("/invocations", "text/csv", "text/csv", _csv, _csv_numbers)
# MLflow's scoring server reads the first line as names
MLFLOW_CSV = Dialect("/invocations", "text/csv", "application/json", _csv_with_header, _predictions)
# the Open Inference Protocol, which MLServer speaks
V2_JSON = Dialect("/v2/models/model/infer", "application/json", "application/json", _v2_json, _v2_outputs)
