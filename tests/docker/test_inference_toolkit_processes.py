"""The start, the end and the failures of pattern B's container."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from tests.contract.answers import assert_still_right
from tests.contract.cases import LINE
from tests.contract.models import REGRESSION
from tests.contract.serving import Reply, wait_until
from tests.docker.toolkit_image import Starter, ToolkitContainer, build_image, models, write_model

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("inference_toolkit"), pytest.mark.timeout(900)]

SLOW = """
    import time

    def predict_fn(data, model):
        time.sleep(float(data[0, 0]))
        return model.predict(data)
"""


@pytest.fixture
def start(engine: docker.DockerClient, base_image: str, docker_session: str) -> Iterator[Starter]:
    starter = Starter(engine, build_image(engine, base_image), docker_session)
    yield starter
    starter.remove_all()


def assert_answers(container: ToolkitContainer) -> None:
    endpoint = container.endpoint()
    endpoint.ask("POST", "/invocations", LINE)
    endpoint.remember_workers()
    assert_still_right(endpoint, models()[REGRESSION])


@pytest.mark.parametrize("milliseconds", [0, 50, 100, 200, 400, 800, 1500])
def test_container_ends_cleanly_when_it_is_stopped_while_it_starts(
    milliseconds: int, start: Starter, tmp_path: Path
) -> None:
    container = start(write_model(tmp_path / "model"))
    time.sleep(milliseconds / 1000)
    code, seconds = container.stop()
    # before Python runs the program's first line the signal's own effect is all there is
    assert code in ((0, 143) if milliseconds <= 100 else (0,))
    assert seconds < 5
    assert "Traceback" not in container.log


def test_container_ends_cleanly_when_it_is_stopped_while_it_serves(start: Starter, tmp_path: Path) -> None:
    container = start(write_model(tmp_path / "model"))
    assert_answers(container)
    code, seconds = container.stop()
    assert (code, seconds < 5) == (0, True)
    assert container.log.endswith("stopped\n")
    assert "Traceback" not in container.log


def test_container_ends_cleanly_when_it_is_stopped_while_pip_runs(start: Starter, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", requirements="/opt/ml/model/code/slow\n")
    (folder / "code" / "slow").mkdir()
    (folder / "code" / "slow" / "setup.py").write_text("import time\ntime.sleep(100)\n")
    container = start(folder, {"PIP_NO_BUILD_ISOLATION": "0"}, network_mode="none", ports={})
    container.wait_for_log("installing /opt/ml/model/code/requirements.txt")
    container.wait_for_log("Processing ./slow")
    time.sleep(1)
    assert not container.has_ended(), container.log
    code, seconds = container.stop()
    assert (code, seconds < 5) == (0, True)
    assert container.log.endswith("stopped\n")


def test_container_ends_cleanly_when_it_is_stopped_while_user_code_loads(start: Starter, tmp_path: Path) -> None:
    code = """
        import time
        def model_fn(model_dir):
            print("loading", flush=True)
            time.sleep(100)
    """
    container = start(write_model(tmp_path / "model", inference=code))
    container.wait_for_log("loading")
    exit_code, seconds = container.stop()
    assert (exit_code, seconds < 5) == (0, True)
    assert "Traceback" not in container.log


def test_requests_that_workers_have_begun_are_answered_when_the_container_is_stopped(
    start: Starter, tmp_path: Path
) -> None:
    container = start(write_model(tmp_path / "model", inference=SLOW), {"SAGEMAKER_MODEL_SERVER_WORKERS": "2"})
    endpoint = container.endpoint()
    # both workers have the model
    for _ in range(4):
        assert endpoint.ask("POST", "/invocations", b"0" + b",0" * 12).status == 200
    replies: list[Reply] = []

    def ask() -> None:
        asking = container.endpoint()
        replies.append(asking.ask("POST", "/invocations", b"3" + b",0" * 12))

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    time.sleep(1)
    code, seconds = container.stop()
    for client in clients:
        client.join()
    assert [reply.status for reply in replies] == [200, 200]
    assert code == 0
    assert 1 < seconds < 8


def _cut(text: str) -> str:
    return text[: len(text) // 2]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda model, _: model.unlink(), "/opt/ml/model/lightgbm-regression-model.txt does not exist"),
        (lambda model, _: model.write_text("hello"), "not a LightGBM text model"),
        (lambda model, _: model.write_text(_cut(model.read_text())), "truncated"),
        (lambda _, metadata: metadata.write_text("{"), "metadata.json cannot be read"),
        (
            lambda _, metadata: metadata.write_text(
                json.dumps({**json.loads(metadata.read_text()), "schema": {"format_version": 7}})
            ),
            "format_version must be 1, got 7",
        ),
        (
            lambda model, _: (model.parent / "lgbm-sm-manifest.json").write_text(
                json.dumps({"format_version": 1, "members": {model.name: "0" * 64}})
            ),
            "/opt/ml/model/lightgbm-regression-model.txt was changed",
        ),
    ],
)
def test_port_never_opens_when_the_model_cannot_be_served(
    change: Callable[[Path, Path], object], says: str, start: Starter, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "model")
    change(folder / "lightgbm-regression-model.txt", folder / "metadata.json")
    container = start(folder)
    assert container.wait_for_end() == 1
    assert container.log.startswith("error: ")
    assert container.log.count("\n") == 1
    assert says in container.log


def test_container_fails_when_the_java_server_dies(start: Starter, tmp_path: Path) -> None:
    container = start(write_model(tmp_path / "model"))
    assert_answers(container)
    container.kill_processes("com.amazonaws.ml.mms.ModelServer")
    assert container.wait_for_end() == 1
    assert "error: the server ended with exit code 0 unexpectedly" in container.log


def test_container_fails_when_the_java_server_cannot_start(start: Starter, tmp_path: Path) -> None:
    container = start(write_model(tmp_path / "model"), {"SAGEMAKER_MODEL_SERVER_VMARGS": "-XX:NoSuchOption"})
    assert container.wait_for_end() == 1
    assert "error: the server ended with exit code 0 unexpectedly" in container.log


@pytest.mark.slow
def test_container_fails_when_no_worker_is_left_although_the_server_answers_pings(
    start: Starter, tmp_path: Path
) -> None:
    container = start(write_model(tmp_path / "model"))
    assert_answers(container)
    container.kill_processes("model_service_worker")
    time.sleep(1)
    assert container.endpoint().ask("GET", "/ping").status == 200
    assert container.wait_for_end(90) == 1
    assert "error: for 30 s, no worker of the server has had a loaded model" in container.log


@pytest.mark.slow
def test_worker_that_dies_is_replaced(start: Starter, tmp_path: Path) -> None:
    code = """
        import os
        def predict_fn(data, model):
            if data[0, 0] == 666:
                os.kill(os.getpid(), 9)
            return model.predict(data)
    """
    container = start(write_model(tmp_path / "model", inference=code), {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"})
    endpoint = container.endpoint()
    assert endpoint.ask("POST", "/invocations", b"0" + b",0" * 12).status == 200
    assert endpoint.ask("POST", "/invocations", b"666" + b",0" * 12).status >= 500
    wait_until(lambda: endpoint.ask("POST", "/invocations", b"0" + b",0" * 12).status == 200)
    assert container.stop()[0] == 0


def test_container_can_be_started_again(start: Starter, tmp_path: Path) -> None:
    container = start(write_model(tmp_path / "model"))
    assert_answers(container)
    container.container.kill()
    assert container.wait_for_end() == 137
    container.container.start()
    assert_answers(container)


def test_read_only_root_and_no_network_suffice(start: Starter, tmp_path: Path) -> None:
    container = start(
        write_model(tmp_path / "model"), read_only=True, tmpfs={"/tmp": ""}, network_mode="none", ports={}
    )
    container.wait_for_log("Model server started")
    code, answer = container.ask_inside()
    assert code == 0, answer
    assert float(answer)
    assert container.stop()[0] == 0
