"""The Flask application. It reads and writes CSV with pandas."""

import io
from functools import cache
from pathlib import Path

import flask
import lightgbm
import pandas as pd

MODEL_PATH = Path("/opt/ml/model/lightgbm-regression-model.txt")

app = flask.Flask(__name__)


@cache
def get_model() -> lightgbm.Booster:
    """Return the model. A worker reads it at its first request."""
    return lightgbm.Booster(model_file=str(MODEL_PATH))


@app.route("/ping", methods=["GET"])
def ping() -> flask.Response:
    """Answer 200 when this worker has the model."""
    healthy = get_model() is not None
    return flask.Response(response="\n", status=200 if healthy else 404, mimetype="application/json")


@app.route("/invocations", methods=["POST"])
def invocations() -> flask.Response:
    """Answer rows of CSV without a header with one prediction per line."""
    if flask.request.content_type != "text/csv":
        return flask.Response(response="only text/csv is supported", status=415, mimetype="text/plain")
    rows = pd.read_csv(io.StringIO(flask.request.data.decode("utf-8")), header=None)
    predictions = get_model().predict(rows)
    answer = io.StringIO()
    pd.DataFrame({"results": predictions}).to_csv(answer, header=False, index=False)
    return flask.Response(response=answer.getvalue(), status=200, mimetype="text/csv")
