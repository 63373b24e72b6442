"""A user's inference code and requirements in pattern B's container."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import numpy as np
import pytest

from tests.contract.cases import FIRST, LINE, SECOND, TWO_LINES
from tests.contract.models import REGRESSION
from tests.docker.toolkit_image import Starter, build_image, error_in, models, write_model

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("inference_toolkit"), pytest.mark.timeout(900)]

NOTEBOOK = """
    from io import StringIO

    import lightgbm
    import numpy

    def model_fn(model_dir):
        return lightgbm.Booster(model_file="/opt/ml/model/lightgbm-regression-model.txt")

    def input_fn(body, content_type):
        if content_type == "text/csv":
            return numpy.genfromtxt(StringIO(body), delimiter=",", ndmin=2)
        raise ValueError(f"{content_type} is not supported")

    def predict_fn(data, model):
        print("predict_fn has", data.shape)
        return model.predict(data)
"""
FOUR = (
    NOTEBOOK
    + """
    def output_fn(prediction, accept):
        return ",".join(map(repr, prediction.tolist())) + "\\n", "text/csv"
"""
)
TRANSFORM = """
    import json
    import lightgbm

    def transform_fn(model, body, content_type, accept):
        rows = [[float(cell or "nan") for cell in line.split(",")] for line in body.splitlines()]
        return json.dumps(model.predict(rows).tolist()), "application/json"
"""
FAILING = """
    class Refused(Exception):
        status_code = 422

    def predict_fn(data, model):
        if data[0, 0] == 1:
            raise Refused("one is refused")
        if data[0, 0] == 2:
            raise ValueError("a secret in the error")
        return model.predict(data)
"""


@pytest.fixture
def start(engine: docker.DockerClient, base_image: str, docker_session: str) -> Iterator[Starter]:
    starter = Starter(engine, build_image(engine, base_image), docker_session)
    yield starter
    starter.remove_all()


def expected() -> list[float]:
    values: list[float] = np.asarray(models()[REGRESSION].booster.predict(np.array([FIRST, SECOND]))).tolist()
    return values


@pytest.mark.parametrize("code", [FOUR, NOTEBOOK, TRANSFORM], ids=["four functions", "three", "transform_fn"])
def test_functions_of_the_user_answer(code: str, start: Starter, tmp_path: Path) -> None:
    variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = start(write_model(tmp_path / "model", inference=code), variables)
    endpoint = container.endpoint()
    reply = endpoint.ask("POST", "/invocations", TWO_LINES, {"Content-Type": "text/csv; charset=utf-8"})
    assert reply.status == 200, container.log
    assert [float(value) for value in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", reply.body.decode())] == expected()
    if code != TRANSFORM:
        container.wait_for_log("predict_fn has (2, 13)")


def test_error_of_user_code_reaches_the_log_and_not_the_caller(start: Starter, tmp_path: Path) -> None:
    container = start(write_model(tmp_path / "model", inference=FAILING))
    endpoint = container.endpoint()
    reply = endpoint.ask("POST", "/invocations", b"2" + b",0" * 12)
    assert reply.status == 500
    assert reply.headers["content-type"] == "application/json"
    error = error_in(reply.body)
    assert error["status"] == 500
    reference = re.fullmatch(
        "internal error; the server's log shows the cause under the reference ([0-9a-f]{12})", error["message"]
    )
    assert reference is not None
    container.wait_for_log(f"unexpected error {reference.group(1)}")
    container.wait_for_log("ValueError: a secret in the error")
    reply = endpoint.ask("POST", "/invocations", b"1" + b",0" * 12)
    assert (reply.status, error_in(reply.body)) == (422, {"status": 422, "message": "one is refused"})
    assert endpoint.ask("POST", "/invocations", LINE).status == 200


def test_context_of_the_server_is_handed_to_functions_that_take_it(start: Starter, tmp_path: Path) -> None:
    code = """
        def transform_fn(model, body, content_type, accept, context):
            context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", "seen=1")
            return repr(context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes"))
    """
    # the proof that is made before the server starts has no such header
    container = start(write_model(tmp_path / "model", inference=code))
    endpoint = container.endpoint()
    reply = endpoint.ask("POST", "/invocations", LINE, {"X-Amzn-SageMaker-Custom-Attributes": "a=b"})
    assert (reply.status, reply.body) == (200, b"'a=b'")
    assert reply.headers["X-Amzn-SageMaker-Custom-Attributes"] == "seen=1"


@pytest.mark.parametrize(
    ("code", "variables", "says"),
    [
        ("import no_such_module", {}, "inference.py, line 1: ModuleNotFoundError"),
        ("def handle(): pass", {}, "has none of the functions model_fn, input_fn"),
        ("def model_fn(d):\n    return 1 / 0", {}, "model_fn failed in .*inference.py, line 2: ZeroDivisionError"),
        ("def predict_fn(data, model):\n    return modle", {}, "the test prediction failed in .*line 2: NameError"),
        ("def predict_fn(a, b): pass", {"SAGEMAKER_PROGRAM": "serve.py"}, "code/serve.py does not exist"),
        ("import os\nos.abort()", {}, "the process that loaded the model was ended by SIGABRT"),
        ("import os\nos._exit(0)", {}, "the process that loaded the model ended with exit code 0"),
    ],
)
def test_port_never_opens_when_the_code_cannot_serve(
    code: str, variables: Mapping[str, str], says: str, start: Starter, tmp_path: Path
) -> None:
    container = start(write_model(tmp_path / "model", inference=code), variables)
    assert container.wait_for_end() == 1
    errors = [line for line in container.log.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, container.log
    assert re.search(says, errors[0])
    assert "Traceback" not in container.log


def test_requirements_are_installed_from_wheels_in_the_archive_without_network(start: Starter, tmp_path: Path) -> None:
    code = """
        import brought_along
        def predict_fn(data, model): return [brought_along.VALUE] * len(data)
    """
    folder = write_model(tmp_path / "model", inference=code, requirements="brought-along==1.0\n")
    write_wheel(folder / "code" / "wheels", "brought_along", "VALUE = 4.5\n")
    variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/opt/ml/model/code/wheels"}
    container = start(folder, variables, network_mode="none", ports={})
    container.wait_for_log("Model server started")
    assert container.ask_inside() == (0, "4.5\n")


def test_port_never_opens_when_a_requirement_is_not_to_be_had(start: Starter, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", requirements="brought-along==1.0\n")
    container = start(folder, {"PIP_NO_INDEX": "1"}, network_mode="none", ports={})
    assert container.wait_for_end() == 1
    assert "No matching distribution found for brought-along==1.0" in container.log
    assert container.log.splitlines()[-1] == (
        "error: /opt/ml/model/code/requirements.txt could not be installed: pip ended with exit code 1; "
        "pip's error is above"
    )


@pytest.mark.slow
def test_lightgbm_comes_from_the_requirements_when_the_image_has_none(
    start: Starter, engine: docker.DockerClient, base_image: str, tmp_path: Path
) -> None:
    image = build_image(engine, base_image, bake_lightgbm=False)
    container = start(write_model(tmp_path / "model", requirements="lightgbm==4.7.0\n"), image=image)
    container.wait_for_log("Model server started", 120)
    endpoint = container.endpoint()
    reply = endpoint.ask("POST", "/invocations", TWO_LINES, {"Accept": "application/json"})
    assert json.loads(reply.body)["predictions"] == expected()


@pytest.mark.slow
def test_container_says_that_lightgbm_is_missing_when_nobody_brings_it(
    start: Starter, engine: docker.DockerClient, base_image: str, tmp_path: Path
) -> None:
    container = start(write_model(tmp_path / "model"), image=build_image(engine, base_image, bake_lightgbm=False))
    assert container.wait_for_end() == 1
    assert container.log.startswith("error: LightGBM is not in this image; add it to code/requirements.txt")
    assert container.log.count("\n") == 1


def write_wheel(folder: Path, name: str, module: str) -> None:
    folder.mkdir(parents=True)
    metadata = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", module)
        wheel.writestr(f"{metadata}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(
            f"{metadata}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(
            f"{metadata}/RECORD", f"{name}.py,,\n{metadata}/METADATA,,\n{metadata}/WHEEL,,\n{metadata}/RECORD,,\n"
        )
