"""Pattern C's script with the table of requests, on stand-ins for AWS's XGBoost images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import docker
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.answers import assert_still_right, expected_values, values_in
from tests.contract.cases import ATTRIBUTES, CASES, CSV, FIRST, LIMIT_BYTES, LINE, Case
from tests.contract.models import BINARY, REGRESSION
from tests.contract.test_hostile_requests import ACCEPTS, ATTRIBUTE_TEXTS, BODIES, CONTENT_TYPES
from tests.docker.toolkit_image import error_in, models
from tests.docker.xgboost_stand_in import VERSIONS, StandInContainer, StandInEndpoint, StandInStarter, write_model

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("script_mode"), pytest.mark.timeout(900)]

Endpoints = Mapping[str, StandInEndpoint]


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def containers(
    version: str,
    engine: docker.DockerClient,
    base_image: str,
    docker_session: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mapping[str, StandInContainer]]:
    """Map the name of each model to a container that serves it."""
    starter = StandInStarter(engine, base_image, docker_session)
    try:
        yield {
            name: starter(version, write_model(tmp_path_factory.mktemp(name) / "model", version, name))
            for name in models()
        }
    finally:
        starter.remove_all()


@pytest.fixture(scope="module")
def endpoints(containers: Mapping[str, StandInContainer]) -> Iterator[Endpoints]:
    yield {name: container.endpoint() for name, container in containers.items()}
    for container in containers.values():
        assert container.stop()[0] == 0
        assert "Traceback" not in container.log
        assert "unexpected error" not in container.log


# (entries of the error, why they are not the table's)
CASE_DEVIATIONS = {
    r"cell b'1\x00'": (
        {"row": None, "column": None},
        "before 3.11, Python's csv gives up on a NUL; status 400 all the same",
    ),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answer_is_as_the_table_says(case: Case, endpoints: Endpoints) -> None:
    reply = endpoints[case.model].ask("POST", "/invocations", case.body, case.headers)
    assert reply.status == case.status, reply.body
    if case.status == 200:
        assert reply.headers["content-type"] == case.answer
        assert values_in(reply) == expected_values(models()[case.model], case.rows, case.output)
        assert reply.headers["x-amzn-sagemaker-custom-attributes"] == case.attributes
    else:
        assert reply.headers["content-type"] == "application/json"
        error = error_in(reply.body)
        assert set(error) <= {"status", "message", "row", "column"}
        assert error["status"] == case.status
        expected, _ = CASE_DEVIATIONS.get(case.name, (case.error, ""))
        assert {key: error.get(key) for key in expected} == expected
        for text in case.says:
            assert text in error["message"]
    assert_still_right(endpoints[REGRESSION], models()[REGRESSION])


ROUTES = {
    ("GET", "/ping"): 200,
    ("HEAD", "/ping"): 200,
    ("GET", "/ping?x=1"): 200,
    ("POST", "/ping"): 405,
    ("GET", "/invocations"): 405,
    ("PUT", "/invocations"): 405,
    ("DELETE", "/invocations"): 405,
    ("GET", "/ping/"): 404,
    ("GET", "/"): 404,
    ("POST", "/invocations/x"): 404,
    ("GET", "/models"): 404,
}
# The image answers these itself, before any code of ours: (status, the program's own status and why).
DEVIATIONS = {
    ("OPTIONS", "/invocations"): (200, "405: Flask answers it, with the methods that there are"),
    ("GET", "/execution-parameters"): (404, "200: in script mode the image has none; the platform allows 404"),
    ("POST", "/execution-parameters"): (404, "405: as with GET"),
}
# The page is the image's own: nginx says `{}`, Flask an HTML page, where the program has its JSON error.
FLASK_ANSWERS = ("/ping", "/invocations", "/execution-parameters")


@pytest.mark.parametrize(
    ("route", "status"), [*ROUTES.items(), *((route, status) for route, (status, _) in DEVIATIONS.items())]
)
def test_status_follows_method_and_path(route: tuple[str, str], status: int, endpoints: Endpoints) -> None:
    method, path = route
    reply = endpoints[REGRESSION].ask(method, path, b"1" if method in ("POST", "PUT") else None)
    assert reply.status == status
    if status >= 400:
        page = (reply.headers["content-type"], reply.body[:2])
        assert page == (("text/html", b"<!") if path.startswith(FLASK_ANSWERS) else ("application/octet-stream", b"{}"))
    assert_still_right(endpoints[REGRESSION], models()[REGRESSION])


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_form_is_refused_as_any_other_type(content_type: str, endpoints: Endpoints) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="body"\r\n\r\n1,2\r\n--x--\r\n'
    reply = endpoints[REGRESSION].ask("POST", "/invocations", body, {"Content-Type": content_type})
    assert (reply.status, error_in(reply.body)["status"]) == (415, 415)


def test_chunked_body_is_read(endpoints: Endpoints) -> None:
    with endpoints[REGRESSION].connect() as connection:
        head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"".join(b"1\r\n%c\r\n" % byte for byte in LINE) + b"0\r\n\r\n")
        answered = b"".join(iter(lambda: connection.recv(65536), b""))
    [value] = expected_values(models()[REGRESSION], [FIRST], "prediction")
    assert answered.startswith(b"HTTP/1.1 200 ")
    assert answered.endswith(f"\r\n\r\n{value!r}\n".encode())


def test_every_row_is_answered_when_the_body_has_25_megabytes(endpoints: Endpoints) -> None:
    rows = LIMIT_BYTES // (len(LINE) + 1)
    body = (LINE + b"\n") * rows
    body = body[:-1] + b" " * (LIMIT_BYTES - len(body)) + b"\n"
    assert len(body) == LIMIT_BYTES
    reply = endpoints[REGRESSION].ask("POST", "/invocations", body, {"Content-Type": CSV})
    assert reply.status == 200
    [value] = expected_values(models()[REGRESSION], [FIRST], "prediction")
    assert reply.body == f"{value!r}\n".encode() * rows
    assert_still_right(endpoints[REGRESSION], models()[REGRESSION])


@settings(max_examples=200, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from([REGRESSION, BINARY]),
    body=BODIES,
    content_type=st.none() | CONTENT_TYPES,
    accept=st.none() | ACCEPTS,
    attributes=st.none() | ATTRIBUTE_TEXTS,
)
def test_hostile_request_is_no_server_error_and_leaves_the_workers_alone(
    name: str, body: bytes, content_type: str | None, accept: str | None, attributes: str | None, endpoints: Endpoints
) -> None:
    headers = {"Content-Type": content_type, "Accept": accept, ATTRIBUTES: attributes}
    reply = endpoints[name].ask("POST", "/invocations", body, {k: v for k, v in headers.items() if v is not None})
    assert reply.status in (200, 400, 406, 415)
    if reply.status != 200:
        assert json.loads(reply.body)["error"]["status"] == reply.status
    assert_still_right(endpoints[REGRESSION], models()[REGRESSION])
