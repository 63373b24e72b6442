"""The Flask application: /ping, and /invocations for CSV, which goes through pandas both ways."""

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
    """The model, read when a worker is asked for the first time."""
    return lightgbm.Booster(model_file=str(MODEL_PATH))


@app.route("/ping", methods=["GET"])
def ping() -> flask.Response:
    """200 once this worker has the model."""
    healthy = get_model() is not None
    return flask.Response(response="\n", status=200 if healthy else 404, mimetype="application/json")


@app.route("/invocations", methods=["POST"])
def invocations() -> flask.Response:
    """One prediction a line, for rows of CSV without a header."""
    if flask.request.content_type != "text/csv":
        return flask.Response(response="Only CSV is understood here", status=415, mimetype="text/plain")
    rows = pd.read_csv(io.StringIO(flask.request.data.decode("utf-8")), header=None)
    predictions = get_model().predict(rows)
    answer = io.StringIO()
    pd.DataFrame({"results": predictions}).to_csv(answer, header=False, index=False)
    return flask.Response(response=answer.getvalue(), status=200, mimetype="text/csv")
