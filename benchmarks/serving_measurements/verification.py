"""No server is timed before it has been seen to answer right."""

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
# peers print a prediction with all its digits; LightGBM's sums differ by no more between its versions
_TOLERANCE = 1e-12
# rows in a request -> requests; each on a connection of its own, so that every worker has some
_QUESTIONS = {1: 60, 100: 4, 10_000: 2}


class WrongAnswerError(Exception):
    """A server does not answer as LightGBM itself does, or not at all."""


def wait_for_first_answer(server: Server, dialect: Dialect, model: Model, started_at: float) -> float:
    """Seconds from `started_at` (of time.monotonic) to the first 200, which must be right.

    Raises:
        WrongAnswerError: it was wrong; or the server ended, or was not ready after two minutes.
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
    """Requests of so many rows as are sent later (`sizes`), compared with `Booster.predict`.

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
    """Status and body; 0 where nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("POST", dialect.path, body, {"Content-Type": dialect.content_type, "Accept": dialect.accept})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
