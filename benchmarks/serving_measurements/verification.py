"""Check the answers of a server. This is done before the server is measured."""

import http.client
import time
from collections.abc import Collection
from http import HTTPStatus

import numpy as np

from benchmarks.serving_measurements.dialects import Dialect
from benchmarks.serving_measurements.models import Matrix, Model, random_rows
from benchmarks.serving_measurements.servers import HOST, Server

_START_SECONDS = 120.0
_ANSWER_SECONDS = 60.0
_PAUSE_SECONDS = 0.005
# Servers print all digits of a prediction. Between the versions of LightGBM, predictions differ by no more than this.
_TOLERANCE = 1e-12
# The number of requests by the number of their rows. Each request has its own connection, so that each worker gets
# some.
_QUESTIONS = {1: 60, 100: 4, 10_000: 2}


class WrongAnswerError(Exception):
    """A server does not answer, or its predictions differ from LightGBM's."""


def wait_for_first_answer(server: Server, dialect: Dialect, model: Model, started_at: float) -> float:
    """Wait for the first answer with status 200. Return the seconds since `started_at`.

    `started_at` is a time of time.monotonic.

    Raises:
        WrongAnswerError: the answer was wrong, the server ended, or there was no answer within two minutes.
    """
    rows = random_rows(model.recipe, 1, seed=1)
    expected = model.predict(rows)
    body = dialect.write(rows, model.feature_names)
    while True:
        status, answer = _asked(server.port, dialect, body)
        now = time.monotonic()
        if status == HTTPStatus.OK:
            _compare(dialect, answer, expected)
            return now - started_at
        if server.program.poll() is not None or now > started_at + _START_SECONDS:
            raise WrongAnswerError(f"no answer after {now - started_at:.0f} s\n{server.log_end()}")
        time.sleep(_PAUSE_SECONDS)


def verify(server: Server, dialect: Dialect, model: Model, sizes: Collection[int]) -> None:
    """Send requests, and compare the answers with `Booster.predict`.

    `sizes` are the numbers of rows in the requests.

    Raises:
        WrongAnswerError: an answer differs.
    """
    for rows_each in sizes:
        for number in range(_QUESTIONS[rows_each]):
            rows = random_rows(model.recipe, rows_each, seed=1000 + number)
            status, answer = _asked(server.port, dialect, dialect.write(rows, model.feature_names))
            if status != HTTPStatus.OK:
                raise WrongAnswerError(f"{rows_each} rows: status {status}: {answer[:300]!r}\n{server.log_end()}")
            _compare(dialect, answer, model.predict(rows))


def _compare(dialect: Dialect, answer: bytes, expected: Matrix) -> None:
    try:
        predictions = dialect.read(answer)
    except (ValueError, KeyError, IndexError) as error:
        raise WrongAnswerError(f"no predictions in {answer[:300]!r}") from error
    if predictions.shape != expected.shape:
        raise WrongAnswerError(f"{predictions.size} predictions for {expected.size} rows")
    if not np.allclose(predictions, expected, rtol=_TOLERANCE, atol=0):
        worst = int(np.argmax(np.abs(predictions - expected)))
        raise WrongAnswerError(f"predicts {predictions[worst]!r}, LightGBM {expected[worst]!r}")


def _asked(port: int, dialect: Dialect, body: bytes) -> tuple[int, bytes]:
    """Return the status and the body. Without an answer, the status is 0."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("POST", dialect.path, body, {"Content-Type": dialect.content_type, "Accept": dialect.accept})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
