"""The fast and the careful code give the same answers to random tables.

The tables are sent over a socket in random pieces.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lgbm_runtime.core.cells import MISSING, Unseen, columns_of
from lgbm_runtime.core.csv_rows import _records, _values
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.schema import Schema
from tests.contract.answers import assert_still_right, expected_values
from tests.contract.cases import LINE, NAMED, TWO_LINES
from tests.contract.models import BINARY, MULTICLASS, REGRESSION, Model
from tests.contract.serving import Endpoint
from tests.contract.test_http import CHUNKED, read_answers, request

QUIET = settings(
    max_examples=200,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.integers().map(str)
# fmt: off
ODD_CELLS = st.sampled_from([
    *sorted(MISSING), "-0", "+1", ".5", "5.", "007", "1e5", "1E-3", " 2 ", "\t3", "1e308", "1e-400", "4.9e-324",
    "0.1" + "0" * 400 + "1", "9" * 30, '"6"', '"', '""', "1_0", "0x1", "1e999", "inf", "x", "\u0661", "\x1c1", "[1]",
    "1\x00", "1;2", "True", "null", "\ufeff",
])
# fmt: on
LINE_ENDS = st.sampled_from(["\n"] * 4 + ["\r\n", "\r", "\n\n"])


@st.composite
def tables(draw: st.DrawFn, width: int) -> str:
    """Draw a table of numbers, some rows with an odd cell, an extra cell or another line end."""
    rows = draw(st.integers(1, 5) | st.integers(60, 70))
    pattern = draw(st.lists(NUMBERS, min_size=width, max_size=2 * width))
    lines = [[pattern[(row * width + column) % len(pattern)] for column in range(width)] for row in range(rows)]
    for _ in range(draw(st.integers(0, 3))):
        cells = lines[draw(st.integers(0, rows - 1))]
        if cells:
            cells[draw(st.integers(0, len(cells) - 1))] = draw(ODD_CELLS)
    if draw(st.integers(0, 9)) == 0:
        lines[draw(st.integers(0, rows - 1))] = pattern[: draw(st.sampled_from([width - 1, width + 1]))]
    end = draw(LINE_ENDS)
    return end.join(map(",".join, lines)) + draw(st.sampled_from(["", end]))


def careful_answer(text: str, model: Model) -> list[object] | None:
    """Return the predictions for a table that is read cell by cell, or None if it is refused."""
    table = text.removeprefix("\ufeff").rstrip("\r\n")
    if not table:
        return None
    try:
        matrix = _values(_records(table), columns_of(Schema.from_json(model.schema)), Unseen(), header=None)
    except InvocationError:
        return None
    return expected_values(model, matrix.tolist(), "prediction")


@pytest.mark.slow
@pytest.mark.parametrize("name", [REGRESSION, BINARY, MULTICLASS])
def test_tables_are_answered_as_if_they_were_read_cell_by_cell(
    name: str, endpoints: Mapping[str, Endpoint], models: Mapping[str, Model]
) -> None:
    model, endpoint = models[name], endpoints[name]

    @QUIET
    @given(text=tables(len(model.names)))
    def check(text: str) -> None:
        expected = careful_answer(text, model)
        reply = endpoint.ask("POST", "/invocations", text.encode(), {"Accept": "application/json"})
        if expected is None:
            assert reply.status == 400, text
        else:
            assert reply.status == 200, reply.body
            np.testing.assert_array_equal(json.loads(reply.body)["predictions"], expected)

    check()
    assert endpoint.workers_are_the_same()


REQUESTS = {
    "one row": (request(LINE), 200),
    "two rows": (request(TWO_LINES), 200),
    "names": (request(NAMED), 200),
    "a table for a thread": (request(b"\n".join([LINE] * 600)), 200),
    "an output for a thread": (request(LINE, more=b"X-Amzn-SageMaker-Custom-Attributes: output=raw_score\r\n"), 200),
    "chunks": (CHUNKED + b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (LINE[:5], len(LINE) - 5, LINE[5:]), 200),
    "trailers": (CHUNKED + b"%x;a=b\r\n%b\r\n0\r\nAccept: image/png\r\n\r\n" % (len(LINE), LINE), 200),
    "a ping": (b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    "a wrong cell": (request(b"x"), 400),
    "a wrong path": (request(LINE, path=b"/nothing"), 404),
    "a wrong method": (request(LINE, method=b"PUT"), 405),
    "a wrong type": (request(LINE).replace(b"text/csv", b"text/html"), 415),
}


@pytest.mark.slow
@QUIET
@given(
    names=st.lists(st.sampled_from(sorted(REQUESTS)), min_size=1, max_size=6),
    cuts=st.lists(st.floats(0, 1), max_size=8),
    pauses=st.booleans(),
)
def test_answers_are_the_same_however_the_bytes_of_the_requests_are_cut(
    names: list[str], cuts: list[float], pauses: bool, endpoints: Mapping[str, Endpoint]
) -> None:
    stream = b"".join(REQUESTS[name][0] for name in names)
    places = [0, *sorted(int(cut * len(stream)) for cut in cuts), len(stream)]
    with endpoints[REGRESSION].connect() as connection:
        for start, end in pairwise(places):
            connection.sendall(stream[start:end])
            if pauses:
                time.sleep(0.001)
        answers = read_answers(connection, len(names))
    assert [status for status, _ in answers] == [REQUESTS[name][1] for name in names]
    assert endpoints[REGRESSION].workers_are_the_same()


@pytest.mark.slow
@QUIET
@given(
    name=st.sampled_from(sorted(REQUESTS)),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.binary(max_size=3)), min_size=1, max_size=4),
)
def test_bytes_gone_wrong_get_an_answer_or_the_end_of_the_connection(
    name: str,
    edits: list[tuple[float, int, bytes]],
    endpoints: Mapping[str, Endpoint],
    models: Mapping[str, Model],
) -> None:
    data = REQUESTS[name][0]
    for place, cut, piece in edits:
        start = int(place * len(data))
        data = data[:start] + piece + data[start + cut :]
    with endpoints[REGRESSION].connect() as connection:
        connection.sendall(data)
        connection.shutdown(1)
        text = b""
        try:
            while piece := connection.recv(65536):
                text += piece
        except ConnectionResetError:
            pass
    if text:
        assert text.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4", b"HTTP/1.1 100 "))
        assert b"HTTP/1.1 5" not in text
    assert_still_right(endpoints[REGRESSION], models[REGRESSION])
