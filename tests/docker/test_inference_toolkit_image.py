"""Pattern B's container passes the table of requests that all servers must pass."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lgbm_runtime import __version__
from tests.contract.answers import assert_still_right, expected_values, values_in
from tests.contract.cases import ATTRIBUTES, CASES, CSV, FIRST, LIMIT_BYTES, LINE, Case
from tests.contract.models import BINARY, REGRESSION
from tests.contract.test_hostile_requests import ACCEPTS, ATTRIBUTE_TEXTS, BODIES, CONTENT_TYPES
from tests.docker.toolkit_image import (
    ContainerEndpoint,
    Starter,
    ToolkitContainer,
    build_image,
    error_in,
    models,
    write_model,
)

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("inference_toolkit"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def starter(engine: docker.DockerClient, base_image: str, docker_session: str) -> Iterator[Starter]:
    starter = Starter(engine, build_image(engine, base_image), docker_session)
    yield starter
    starter.remove_all()


@pytest.fixture(scope="module")
def containers(starter: Starter, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ToolkitContainer]:
    return {name: starter(write_model(tmp_path_factory.mktemp(name) / "model", name)) for name in models()}


@pytest.fixture(scope="module")
def endpoints(containers: Mapping[str, ToolkitContainer]) -> Iterator[Mapping[str, ContainerEndpoint]]:
    endpoints = {name: container.endpoint() for name, container in containers.items()}
    for endpoint in endpoints.values():
        # each worker has loaded the model once it has answered
        for _ in range(4):
            endpoint.ask("POST", "/invocations", b"")
        endpoint.remember_workers()
    yield endpoints
    for container in containers.values():
        assert "Traceback" not in container.log
        assert "unexpected error" not in container.log


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answer_is_as_the_table_says(case: Case, endpoints: Mapping[str, ContainerEndpoint]) -> None:
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
        assert {key: error.get(key) for key in case.error} == case.error
        for text in case.says:
            assert text in error["message"]
    assert_still_right(endpoints[REGRESSION], models()[REGRESSION])


ROUTES = {
    ("GET", "/ping"): 200,
    ("HEAD", "/ping"): 200,
    ("GET", "/ping?x=1"): 200,
    ("POST", "/invocations/x"): 404,
    ("GET", "/models"): 404,
    ("GET", "/models/model"): 404,
    ("POST", "/models?url=/tmp"): 404,
    ("PUT", "/models/model?min_worker=0"): 404,
    ("DELETE", "/models/model"): 404,
}
# Multi Model Server answers these itself, before any code of ours: (status, the program's own status and why).
DEVIATIONS = {
    ("POST", "/ping"): (200, "405: the server does not look at a ping's method"),
    ("GET", "/ping/"): (200, "404: the server ignores a slash at the end"),
    ("GET", "/invocations"): (400, "405: the server hands every method but OPTIONS on; the body is empty"),
    ("DELETE", "/invocations"): (400, "405: as with GET"),
    ("PUT", "/invocations"): (400, "405: as with GET; the body is one cell"),
    ("OPTIONS", "/invocations"): (200, "405: the server describes its own API"),
    ("GET", "/execution-parameters"): (404, "200: the server does not know it; the platform allows 404"),
    ("GET", "/"): (405, "404: the server allows OPTIONS there"),
    ("OPTIONS", "/"): (200, "404: the server describes its own API"),
    ("GET", "/api-description"): (200, "404: the server describes its own API"),
    ("POST", "/predictions/model"): (400, "404: the server's own name for /invocations; the body is one cell"),
    ("POST", "/models/model/invoke"): (400, "404: the server's own name for /invocations; the body is one cell"),
}


@pytest.mark.parametrize(
    ("route", "status"), [*ROUTES.items(), *((route, status) for route, (status, _) in DEVIATIONS.items())]
)
def test_status_follows_method_and_path(
    route: tuple[str, str], status: int, endpoints: Mapping[str, ContainerEndpoint]
) -> None:
    method, path = route
    reply = endpoints[REGRESSION].ask(method, path, b"1" if method in ("POST", "PUT") else None)
    assert reply.status == status
    assert_still_right(endpoints[REGRESSION], models()[REGRESSION])


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_form_is_refused_although_the_server_takes_it_apart(
    content_type: str, endpoints: Mapping[str, ContainerEndpoint]
) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="body"\r\n\r\n1,2\r\n--x--\r\n'
    reply = endpoints[REGRESSION].ask("POST", "/invocations", body, {"Content-Type": content_type})
    assert (reply.status, error_in(reply.body)["status"]) == (415, 415)
    assert_still_right(endpoints[REGRESSION], models()[REGRESSION])


@pytest.mark.slow
def test_every_row_is_answered_when_the_body_has_25_megabytes(endpoints: Mapping[str, ContainerEndpoint]) -> None:
    rows = LIMIT_BYTES // (len(LINE) + 1)
    body = (LINE + b"\n") * rows
    body = body[:-1] + b" " * (LIMIT_BYTES - len(body)) + b"\n"
    assert len(body) == LIMIT_BYTES
    reply = endpoints[REGRESSION].ask("POST", "/invocations", body, {"Content-Type": CSV})
    assert reply.status == 200
    [value] = expected_values(models()[REGRESSION], [FIRST], "prediction")
    assert reply.body == f"{value!r}\n".encode() * rows
    assert_still_right(endpoints[REGRESSION], models()[REGRESSION])


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "status"), [(90_000, 200), (150_000, 413)])
def test_answer_is_refused_in_our_words_when_it_is_over_25_megabytes(
    rows: int, status: int, endpoints: Mapping[str, ContainerEndpoint]
) -> None:
    headers = {"Content-Type": CSV, ATTRIBUTES: "output=contributions"}
    reply = endpoints[REGRESSION].ask("POST", "/invocations", (LINE + b"\n") * rows, headers)
    assert reply.status == status
    if status == 200:
        assert 20_000_000 < len(reply.body) <= LIMIT_BYTES
    else:
        assert "the answer is larger than 26214400 bytes" in error_in(reply.body)["message"]
    assert_still_right(endpoints[REGRESSION], models()[REGRESSION])


def test_body_far_over_the_limit_is_refused_by_the_server(endpoints: Mapping[str, ContainerEndpoint]) -> None:
    endpoint = endpoints[REGRESSION]
    with endpoint.connect() as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert_still_right(endpoint, models()[REGRESSION])


@pytest.mark.slow
@settings(max_examples=300, database=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from([REGRESSION, BINARY]),
    body=BODIES,
    content_type=st.none() | CONTENT_TYPES,
    accept=st.none() | ACCEPTS,
    attributes=st.none() | ATTRIBUTE_TEXTS,
)
def test_hostile_request_is_no_server_error_and_leaves_the_workers_alone(
    name: str,
    body: bytes,
    content_type: str | None,
    accept: str | None,
    attributes: str | None,
    endpoints: Mapping[str, ContainerEndpoint],
) -> None:
    headers = {"Content-Type": content_type, "Accept": accept, ATTRIBUTES: attributes}
    reply = endpoints[name].ask("POST", "/invocations", body, {k: v for k, v in headers.items() if v is not None})
    assert reply.status in (200, 400, 406, 415)
    if reply.status != 200:
        assert json.loads(reply.body)["error"]["status"] == reply.status
    assert_still_right(endpoints[REGRESSION], models()[REGRESSION])


def test_management_api_is_closed_to_the_outside(containers: Mapping[str, ToolkitContainer]) -> None:
    program = """
        import socket
        own_address = socket.gethostbyname(socket.gethostname())
        assert not own_address.startswith("127.")
        for address in ("127.0.0.1", own_address):
            with socket.socket() as connection:
                print(connection.connect_ex((address, 8081)) == 0)
    """
    assert containers[REGRESSION].run_python(program) == (0, "True\nFalse\n")


def test_labels_say_what_the_image_is(engine: docker.DockerClient, starter: Starter) -> None:
    labels = engine.images.get(starter.image).labels
    assert labels["lgbm-sm.pattern"] == "inference_toolkit"
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.title"]
    assert labels["org.opencontainers.image.description"]


def test_ca_bundle_and_build_tools_are_not_in_the_image(engine: docker.DockerClient, starter: Starter) -> None:
    image = engine.images.get(starter.image)
    history = json.dumps(image.history())
    assert "ca-bundle" not in history
    assert not [entry for entry in image.attrs["Config"]["Env"] if "CERT" in entry or "CA_" in entry]
    program = "for f in /tmp/* /etc/pip.conf /usr/bin/gcc /usr/bin/javac; do [ ! -e $f ] || echo $f; done; pip check"
    output = engine.containers.run(
        starter.image,
        ["-c", program],
        entrypoint="/bin/sh",
        remove=True,
        network_mode="none",
        labels={"lgbm-sm.test": starter.label},
    )
    assert output == b"No broken requirements found.\n"


def test_workers_follow_the_share_of_processors(starter: Starter, tmp_path: Path) -> None:
    container = starter(write_model(tmp_path / "model"), nano_cpus=1_000_000_000)
    container.wait_for_log("with 1 worker x 1 threads")


def test_workers_and_port_are_those_that_the_variables_say(starter: Starter, tmp_path: Path) -> None:
    variables = {
        "SAGEMAKER_MODEL_SERVER_WORKERS": "3",
        "OMP_NUM_THREADS": "2",
        "SAGEMAKER_BIND_TO_PORT": "8081",
    }
    container = starter(write_model(tmp_path / "model"), variables, ports={"8081/tcp": ("127.0.0.1", None)})
    endpoint = container.endpoint(8081)
    loaded = "from lgbm_runtime.core.native_code import native_code; print(native_code() is not None)"
    assert container.run_python(loaded) == (0, "True\n")
    assert "on 0.0.0.0:8081 with 3 workers x 2 threads" in container.log
    assert endpoint.ask("POST", "/invocations", LINE).status == 200
    assert endpoint.ask("DELETE", "/models/model").status == 404


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"SAGEMAKER_BIND_TO_PORT": "http"}, "SAGEMAKER_BIND_TO_PORT must be a number from "),
        (
            {"SAGEMAKER_MODEL_SERVER_WORKERS": "0"},
            "SAGEMAKER_MODEL_SERVER_WORKERS must be a number from 1 to 256, got '0'",
        ),
        ({"SAGEMAKER_MULTI_MODEL": "true"}, "serves one model"),
        ({"CA_REPOSITORY_ARN": "arn:aws:codeartifact:x"}, "PIP_INDEX_URL"),
    ],
)
def test_container_says_why_it_cannot_start(
    variables: Mapping[str, str], says: str, starter: Starter, tmp_path: Path
) -> None:
    container = starter(write_model(tmp_path / "model"), variables)
    assert container.wait_for_end() == 1
    assert container.log.startswith("error: ")
    assert says in container.log
    assert container.log.count("\n") == 1


def test_training_is_refused(engine: docker.DockerClient, starter: Starter) -> None:
    with pytest.raises(docker.errors.ContainerError, match="can only serve") as caught:
        engine.containers.run(starter.image, "train", remove=True, labels={"lgbm-sm.test": starter.label})
    assert caught.value.exit_status == 2
