"""A user's inference code and requirements on stand-ins for AWS's XGBoost images."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from urllib.request import Request, urlopen

import docker
import numpy as np
import pytest

from tests.contract.cases import ATTRIBUTES, CSV, FIRST, LINE, SECOND, TWO_LINES
from tests.contract.models import REGRESSION
from tests.docker import test_inference_toolkit_user_code as pattern_b
from tests.docker.test_inference_toolkit_user_code import FAILING, TRANSFORM, write_wheel
from tests.docker.toolkit_image import error_in, models
from tests.docker.xgboost_stand_in import IN_SOAK, NEW, OLD, VERSIONS, StandInStarter, write_model

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("script_mode"), pytest.mark.timeout(900)]

# numpy 1.19, which the image 1.5-1 has, knows no `ndmin` here
FOUR, NOTEBOOK = (
    code.replace(
        'numpy.genfromtxt(StringIO(body), delimiter=",", ndmin=2)',
        'numpy.atleast_2d(numpy.genfromtxt(StringIO(body), delimiter=","))',
    )
    for code in (pattern_b.FOUR, pattern_b.NOTEBOOK)
)
RESPONSE = """
    import flask

    def transform_fn(model, body, content_type, accept):
        if not body.strip():
            return flask.Response("there is nothing to predict", 422)
        rows = [[float(cell or "nan") for cell in line.split(",")] for line in body.splitlines()]
        response = flask.Response(repr(model.predict(rows).tolist()), mimetype="application/json")
        response.headers["X-Amzn-SageMaker-Custom-Attributes"] = "seen=1"
        return response
"""

NO_MODEL = "error: the model file /opt/ml/model/lightgbm-regression-model.txt is not a LightGBM text model"
FAILING_LOAD = "def model_fn(d):\n    return 1 / 0"
LOAD_FAILS = "error: model_fn failed in .*inference.py, line 2: ZeroDivisionError"


@pytest.fixture
def start(engine: docker.DockerClient, base_image: str, docker_session: str) -> Iterator[StandInStarter]:
    starter = StandInStarter(engine, base_image, docker_session)
    yield starter
    starter.remove_all()


def expected() -> list[float]:
    values: list[float] = np.asarray(models()[REGRESSION].booster.predict(np.array([FIRST, SECOND]))).tolist()
    return values


def numbers_in(body: bytes) -> list[float]:
    return [float(value) for value in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", body.decode())]


@pytest.mark.parametrize(
    ("version", "code"),
    [
        pytest.param(OLD, FOUR, id="1.5-1-four functions"),
        pytest.param(OLD, NOTEBOOK, id="1.5-1-three"),
        pytest.param(OLD, TRANSFORM, id="1.5-1-transform_fn"),
        pytest.param(NEW, FOUR, id="3.0-5-four functions", marks=IN_SOAK),
        pytest.param(NEW, TRANSFORM, id="3.0-5-transform_fn", marks=IN_SOAK),
    ],
)
def test_functions_of_the_user_answer(code: str, version: str, start: StandInStarter, tmp_path: Path) -> None:
    container = start(version, write_model(tmp_path / "model", version, code={"inference.py": code}))
    endpoint = container.endpoint()
    reply = endpoint.ask("POST", "/invocations", TWO_LINES, {"Content-Type": "text/csv; charset=utf-8"})
    assert reply.status == 200, container.log
    assert numbers_in(reply.body) == expected()
    if code != TRANSFORM:
        container.wait_for_log("predict_fn has (2, 13)")


@pytest.mark.parametrize("version", VERSIONS)
def test_response_of_the_users_code_is_answered_as_in_the_image_itself(
    version: str, start: StandInStarter, tmp_path: Path
) -> None:
    variables = {"LGBM_RUNTIME_PROOF": "load"}
    container = start(version, write_model(tmp_path / "model", version, code={"inference.py": RESPONSE}), variables)
    endpoint = container.endpoint()
    reply = endpoint.ask("POST", "/invocations", TWO_LINES, {"Content-Type": CSV})
    assert (reply.status, reply.headers["content-type"], reply.headers[ATTRIBUTES]) == (
        200,
        "application/json",
        "seen=1",
    )
    assert numbers_in(reply.body) == expected()
    reply = endpoint.ask("POST", "/invocations", b"\n", {"Content-Type": CSV})
    assert (reply.status, error_in(reply.body)["message"]) == (422, "there is nothing to predict")


@pytest.mark.parametrize("version", VERSIONS)
def test_modules_and_files_beside_the_users_code_are_found(version: str, start: StandInStarter, tmp_path: Path) -> None:
    code = {
        "serving/predicting.py": """
            from pathlib import Path

            import parts.factor

            def predict_fn(data, model):
                return model.predict(data) * parts.factor.FACTOR * len(Path(__file__, "../two.txt").resolve().read_text())
        """,
        "serving/two.txt": "ab",
        "parts/__init__.py": "",
        "parts/factor.py": "FACTOR = 2",
    }
    code["predicting.py"] = code.pop("serving/predicting.py").replace('"../two.txt"', '"../serving/two.txt"')
    folder = write_model(tmp_path / "model", version, code=code)
    container = start(version, folder, {"LGBM_RUNTIME_PROGRAM": "predicting.py"})
    reply = container.endpoint().ask("POST", "/invocations", TWO_LINES, {"Content-Type": CSV})
    assert numbers_in(reply.body) == [4 * value for value in expected()]


def test_error_of_user_code_reaches_the_log_and_not_the_caller(start: StandInStarter, tmp_path: Path) -> None:
    container = start(OLD, write_model(tmp_path / "model", OLD, code={"inference.py": FAILING}))
    endpoint = container.endpoint()
    reply = endpoint.ask("POST", "/invocations", b"2" + b",0" * 12)
    assert (reply.status, reply.headers["content-type"]) == (500, "application/json")
    reference = re.fullmatch(
        "internal error; the server's log shows the cause under the reference ([0-9a-f]{12})",
        error_in(reply.body)["message"],
    )
    assert reference is not None
    container.wait_for_log(f"unexpected error {reference.group(1)}")
    container.wait_for_log("ValueError: a secret in the error")
    reply = endpoint.ask("POST", "/invocations", b"1" + b",0" * 12)
    assert (reply.status, error_in(reply.body)) == (422, {"status": 422, "message": "one is refused"})
    assert endpoint.ask("POST", "/invocations", LINE).status == 200


@pytest.mark.parametrize(
    ("version", "code", "says"),
    [
        pytest.param(OLD, None, NO_MODEL, id="1.5-1-no model"),
        pytest.param(OLD, FAILING_LOAD, LOAD_FAILS, id="1.5-1-model_fn fails"),
        pytest.param(
            OLD,
            "import no_such_module",
            "error: the inference code failed in .*line 1: ModuleNotFoundError",
            id="1.5-1-a missing module",
        ),
        pytest.param(NEW, None, NO_MODEL, id="3.0-5-no model", marks=IN_SOAK),
        pytest.param(NEW, FAILING_LOAD, LOAD_FAILS, id="3.0-5-model_fn fails", marks=IN_SOAK),
    ],
)
def test_ping_is_500_and_the_log_says_why_when_the_model_cannot_be_served(
    version: str, code: str | None, says: str, start: StandInStarter, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "model", version, code={"inference.py": code} if code else None)
    if code is None:
        (folder / "lightgbm-regression-model.txt").write_text("nonsense")
    container = start(version, folder)
    endpoint = container.unready_endpoint()
    container.wait_for_ping(endpoint, 500)
    container.wait_for_log("error: ")  # what the worker writes comes through another pipe than its answer
    errors = [line for line in container.log.splitlines() if line.startswith("error: ")]
    assert re.fullmatch(f"{says}.*", errors[0])
    assert endpoint.ask("POST", "/invocations", LINE).status == 500
    assert endpoint.ask("GET", "/ping").status == 500
    assert not container.has_ended()


def test_ping_is_500_when_a_file_is_not_what_the_manifest_names(start: StandInStarter, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", OLD)
    manifest = {"format_version": 1, "members": {"metadata.json": "0" * 64}}
    (folder / "lgbm-sm-manifest.json").write_text(json.dumps(manifest))
    container = start(OLD, folder)
    container.wait_for_ping(container.unready_endpoint(), 500)
    container.wait_for_log("error: /opt/ml/model/metadata.json was changed: ")


@pytest.mark.parametrize("version", VERSIONS)
def test_container_ends_with_1_when_a_requirement_is_not_to_be_had(
    version: str, start: StandInStarter, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "model", version, requirements="brought-along==1.0\n")
    container = start(version, folder, network_mode="none", ports={})
    assert container.wait_for_end() == 1
    assert "No matching distribution found for brought-along==1.0" in container.log


@pytest.mark.parametrize("version", VERSIONS)
def test_requirements_are_installed_from_wheels_in_the_archive(
    version: str, start: StandInStarter, tmp_path: Path
) -> None:
    code = "import brought_along\ndef predict_fn(data, model): return [brought_along.VALUE] * len(data)"
    folder = write_model(tmp_path / "model", version, code={"inference.py": code}, requirements="brought-along==1.0\n")
    write_wheel(folder / "code" / "wheels", "brought_along", "VALUE = 4.5\n")
    container = start(version, folder, {"PIP_FIND_LINKS": "/wheels /opt/ml/model/code/wheels"})
    assert container.endpoint().ask("POST", "/invocations", LINE).body == b"4.5\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_lightgbm_comes_over_the_network_when_nobody_brings_wheels(
    version: str, start: StandInStarter, tmp_path: Path
) -> None:
    container = start(version, write_model(tmp_path / "model", version), {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": ""})
    reply = container.endpoint().ask("POST", "/invocations", TWO_LINES, {"Content-Type": CSV})
    assert numbers_in(reply.body) == expected()
    assert "Downloading" in container.log


@pytest.mark.parametrize("version", VERSIONS)
def test_no_answer_is_lost_when_the_server_is_told_to_end(version: str, start: StandInStarter, tmp_path: Path) -> None:
    container = start(version, write_model(tmp_path / "model", version))
    port = container.endpoint().port
    body = (LINE + b"\n") * 30_000

    def ask(_number: int) -> int:
        request = Request(f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": CSV})
        with urlopen(request, timeout=30) as answer:
            return len(answer.read().splitlines())

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, number) for number in range(4)]
        wait(answers, return_when=FIRST_COMPLETED)
        code, seconds = container.stop()
        assert [answer.result() for answer in answers] == [30_000] * 4
    assert (code, seconds < 20) == (0, True)


# the older image gets one worker from lgbm-sm: more of them run pip in one folder at the same time
@pytest.mark.parametrize(("version", "workers"), [(OLD, "1"), pytest.param(NEW, "4", marks=IN_SOAK)])
def test_first_requests_that_come_at_the_same_time_are_all_answered(
    version: str, workers: str, start: StandInStarter, tmp_path: Path
) -> None:
    variables = {"SAGEMAKER_MODEL_SERVER_WORKERS": workers}
    container = start(version, write_model(tmp_path / "model", version), variables)
    port = container.endpoint().port

    def ask(_number: int) -> bytes:
        request = Request(f"http://127.0.0.1:{port}/invocations", TWO_LINES, {"Content-Type": CSV})
        with urlopen(request, timeout=60) as answer:
            body: bytes = answer.read()
        return body

    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(ask, range(64)))
    assert len(set(bodies)) == 1
    assert numbers_in(bodies[0]) == expected()
    assert container.log.count("Created wheel for inference") == 1
    assert "Traceback" not in container.log
