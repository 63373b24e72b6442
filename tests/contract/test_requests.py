"""The table of requests with a real server."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.contract.answers import assert_still_right, expected_values, values_in
from tests.contract.cases import CASES, CSV, FIRST, LIMIT_BYTES, LINE, Case
from tests.contract.models import REGRESSION, Model
from tests.contract.serving import Endpoint, Reply


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answer_is_as_the_table_says(
    case: Case, endpoints: Mapping[str, Endpoint], models: Mapping[str, Model]
) -> None:
    reply = endpoints[case.model].ask("POST", "/invocations", case.body, case.headers)
    assert reply.status == case.status, reply.body
    if case.status == 200:
        assert reply.headers["content-type"] == case.answer
        assert values_in(reply) == expected_values(models[case.model], case.rows, case.output)
        assert reply.headers["x-amzn-sagemaker-custom-attributes"] == case.attributes
    else:
        _assert_error(reply, case)
    assert endpoints[case.model].workers_are_the_same()
    assert_still_right(endpoints[REGRESSION], models[REGRESSION])


def _assert_error(reply: Reply, case: Case) -> None:
    assert reply.headers["content-type"] == "application/json"
    error = json.loads(reply.body)["error"]
    assert set(error) <= {"status", "message", "row", "column"}
    assert error["status"] == case.status
    assert {key: error.get(key) for key in case.error} == case.error
    for text in case.says:
        assert text in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/ping", 200, None),
        ("HEAD", "/ping", 200, None),
        ("POST", "/ping", 405, "GET, HEAD"),
        ("GET", "/invocations", 405, "POST"),
        ("PUT", "/invocations", 405, "POST"),
        ("DELETE", "/invocations", 405, "POST"),
        ("OPTIONS", "/invocations", 405, "POST"),
        ("GET", "/execution-parameters", 200, None),
        ("POST", "/execution-parameters", 405, "GET, HEAD"),
        ("GET", "/", 404, None),
        ("GET", "/ping/", 404, None),
        ("POST", "/invocations/x", 404, None),
        ("GET", "/%2e%2e/etc/passwd", 404, None),
        ("GET", "/models", 404, None),
        ("GET", "/ping?x=1", 200, None),
    ],
)
def test_status_follows_method_and_path(
    method: str,
    path: str,
    status: int,
    allow: str | None,
    endpoints: Mapping[str, Endpoint],
    models: Mapping[str, Model],
) -> None:
    body = b"1,2,3" if method in ("POST", "PUT") else None
    reply = endpoints[REGRESSION].ask(method, path, body)
    assert (reply.status, reply.headers["allow"]) == (status, allow)
    assert_still_right(endpoints[REGRESSION], models[REGRESSION])


def test_ping_has_an_empty_body(endpoints: Mapping[str, Endpoint]) -> None:
    assert endpoints[REGRESSION].ask("GET", "/ping").body == b""


def test_execution_parameters_tell_batch_transform_what_to_send(endpoints: Mapping[str, Endpoint]) -> None:
    reply = endpoints[REGRESSION].ask("GET", "/execution-parameters")
    parameters = json.loads(reply.body)
    assert parameters == {
        "MaxConcurrentTransforms": len(endpoints[REGRESSION].workers),
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 6,
    }


@pytest.mark.slow
def test_every_row_is_answered_when_the_body_has_25_megabytes(
    endpoints: Mapping[str, Endpoint], models: Mapping[str, Model]
) -> None:
    rows = LIMIT_BYTES // (len(LINE) + 1)
    body = (LINE + b"\n") * rows
    body = body[:-1] + b" " * (LIMIT_BYTES - len(body)) + b"\n"
    assert len(body) == LIMIT_BYTES
    reply = endpoints[REGRESSION].ask("POST", "/invocations", body, {"Content-Type": CSV})
    assert reply.status == 200
    [value] = expected_values(models[REGRESSION], [FIRST], "prediction")
    assert reply.body == f"{value!r}\n".encode() * rows
    assert_still_right(endpoints[REGRESSION], models[REGRESSION])
