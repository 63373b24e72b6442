"""A user's inference code in the artifact replaces the program's own functions."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.contract.models import REGRESSION, Model, write_artifact
from tests.contract.serving import start_server

NOTEBOOK_ERA = """
import os
import lightgbm

def model_fn(model_dir):
    return lightgbm.Booster(model_file=os.path.join(model_dir, "lightgbm-regression-model.txt"))

def input_fn(body, content_type):
    if content_type != "text/csv":
        raise ValueError(content_type)
    return [[float(cell) for cell in line.split(",")] for line in body.splitlines()]

def predict_fn(data, model):
    return 2 * model.predict(data)
"""
ROW = [0.1 * index for index in range(13)]
BODY = ",".join(map(repr, ROW)).encode()


def write_code(model: Model, root: Path, code: str) -> None:
    write_artifact(model, root / "model")
    (root / "model" / "code").mkdir()
    (root / "model" / "code" / "inference.py").write_text(code)


def test_the_users_functions_answer_when_the_artifact_has_three_of_them(
    models: Mapping[str, Model], tmp_path: Path
) -> None:
    model = models[REGRESSION]
    write_code(model, tmp_path, NOTEBOOK_ERA)
    server = start_server(tmp_path, workers=1)
    try:
        endpoint = server.endpoint()
        reply = endpoint.ask("POST", "/invocations", BODY, {"Content-Type": "text/csv"})
        refused = endpoint.ask("POST", "/invocations", b"[[1]]", {"Content-Type": "application/json"})
        zipped = endpoint.ask("POST", "/invocations", gzip.compress(BODY), {"Content-Type": "text/csv"})
        still = endpoint.ask("POST", "/invocations", BODY, {"Content-Type": "text/csv"})
    finally:
        server.close()
    expected = float(2 * np.asarray(model.booster.predict([ROW]))[0])
    assert (reply.status, float(reply.body)) == (200, expected)
    assert (zipped.status, float(zipped.body)) == (200, expected)
    assert refused.status >= 400
    assert b"Traceback" not in refused.body
    assert still.body == reply.body


def test_the_server_ends_with_the_cause_when_the_users_code_cannot_be_loaded(
    models: Mapping[str, Model], tmp_path: Path
) -> None:
    write_code(
        models[REGRESSION], tmp_path, "import no_such_package\n\ndef predict_fn(data, model):\n    return data\n"
    )
    server = start_server(tmp_path, workers=1)
    assert server.process.wait(30) == 1
    assert "no_such_package" in server.log
