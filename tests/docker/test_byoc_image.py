"""Pattern A's image: its content, and the behavior of its containers under the contract."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import certifi
import docker
import numpy as np
import pytest

from lgbm_runtime import __version__
from lgbm_sm.config.sections import Pattern
from tests.contract.answers import expected_values, values_in
from tests.contract.cases import CSV, FIRST, LINE, SECOND, TWO_LINES
from tests.contract.models import REGRESSION, Model, train_models, write_artifact
from tests.docker.byoc_image import Containers, Started
from tests.docker.named_images import CONTEXT, pattern_image
from tests.runtime.training_jobs import regression_job

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("byoc_image"), pytest.mark.timeout(900)]

MODEL = "lightgbm-regression-model.txt"
LARGEST_BYTES = 330_000_000
VERSION = re.compile(r"^([a-z0-9-]+)==([^ ;\\]+)( ; [^\\]+?)? \\$", re.MULTILINE)


@pytest.fixture(scope="module")
def model() -> Model:
    return train_models()[REGRESSION]


@pytest.fixture
def model_path(model: Model, tmp_path: Path) -> Path:
    write_artifact(model, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def shell(containers: Containers) -> Started:
    """A container of the image for a test that inspects it."""
    return containers.start("600", entrypoint="sleep", network_mode="none")


def python(container: Started, program: str) -> list[str]:
    """Run a program in the container. Return the lines of its output."""
    code, output = container.run("python3", "-c", program)
    assert code == 0, output
    return output.splitlines()


SLOW = "Python is starting"


def make_python_slow(folder: Path) -> None:
    """Make Python print a line and wait a second at its start, if the folder is on its path."""
    (folder / "sitecustomize.py").write_text(f"import time\nprint({SLOW!r}, flush=True)\ntime.sleep(1)\n")


# what it is


def test_image_tells_what_it_is(engine: docker.DockerClient, byoc_image: str) -> None:
    image = engine.images.get(byoc_image)
    labels = image.labels
    assert labels["lgbm-sm.pattern"] == "byoc"
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert labels["org.opencontainers.image.title"] == "lgbm-sm-byoc"
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.description"]
    config = image.attrs["Config"]
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert config["User"] == ""
    assert config["Entrypoint"][0] != "/bin/sh"
    assert not config["Cmd"]
    assert image.attrs["Size"] < LARGEST_BYTES


def test_image_holds_the_packages_that_are_needed_and_no_others(shell: Started) -> None:
    listed = python(shell, "import importlib.metadata as m; print(*{d.name for d in m.distributions()}, sep='\\n')")
    assert {name.lower() for name in listed} == {
        name for name, _, _ in VERSION.findall((CONTEXT / "byoc" / "requirements.txt").read_text())
    }
    modules = ("pip", "ensurepip", "setuptools", "pandas", "sklearn", "pyarrow")
    assert python(shell, f"import importlib.util as u; print([n for n in {modules} if u.find_spec(n)])") == ["[]"]
    commands = ("pip", "pip3", "gcc", "cc", "g++", "make", "ld", "git", "curl")
    assert python(shell, f"import shutil; print([n for n in {commands} if shutil.which(n)])") == ["[]"]
    assert shell.run("ls", "-A", "/var/lib/apt/lists") == (0, "")
    assert shell.run("ls", "-A", "/opt/ml")[0] != 0


def test_every_module_is_compiled(shell: Started) -> None:
    program = """
import importlib.util, pathlib
for folder in ("/opt/program/lib", "/opt/runtime"):
    for source in pathlib.Path(folder).rglob("*.py"):
        compiled = pathlib.Path(importlib.util.cache_from_source(str(source)))
        seconds = int.from_bytes(compiled.read_bytes()[8:12], "little") if compiled.exists() else None
        if seconds != int(source.stat().st_mtime):
            print(source)
"""
    assert python(shell, program) == []


def test_certificates_of_the_build_are_not_left_in_the_image(
    engine: docker.DockerClient, base_image: str, byoc_image: str, containers: Containers
) -> None:
    bundles = (os.environ.get("SSL_CERT_FILE", ""), "/etc/ssl/certs/ca-certificates.crt", certifi.where())
    certificates = next(path for path in map(Path, bundles) if path.is_file()).read_bytes()
    bundle = b"# a mark of this test\n" + certificates
    name = pattern_image(engine, Pattern.BYOC, base_image, "with-certificates", ca_bundle=bundle)
    image = engine.images.get(name)
    assert image.id != engine.images.get(byoc_image).id
    told = json.dumps([image.history(), image.attrs])
    assert "ca-bundle" not in told
    assert "PIP_" not in told
    search = ("-rlsF", "a mark of this test", "/etc", "/opt", "/root", "/tmp", "/usr", "/var")
    container = containers.start(*search, entrypoint="grep", image=name)
    assert (container.wait_for_end(), container.log) == (1, "")


# training


@pytest.mark.parametrize("user", ["root", "the caller"])
def test_model_is_that_of_the_bare_program_byte_for_byte(user: str, containers: Containers, tmp_path: Path) -> None:
    here = regression_job(tmp_path / "process")
    assert here.run().returncode == 0
    there = regression_job(tmp_path / "container")
    options = {} if user == "root" else {"user": f"{os.getuid()}:{os.getgid()}"}
    training = containers.train(there.root, network_mode="none", read_only=True, **options)
    assert training.wait_for_end() == 0, training.log
    assert there.model_path.read_bytes() == here.model_path.read_bytes()
    assert there.metadata["metrics"] == here.metadata["metrics"]
    written = [path for folder in ("model", "output") for path in (there.root / folder).rglob("*")]
    # the platform starts containers as root, and what they write is root's
    assert {path.stat().st_uid for path in written} == {0 if user == "root" else os.getuid()}


def test_failed_training_says_why_and_exits_with_1(containers: Containers, tmp_path: Path) -> None:
    job = regression_job(tmp_path / "job", num_leafs=3)
    training = containers.train(job.root)
    assert training.wait_for_end() == 1
    assert "num_leafs" in training.log
    assert "num_leafs" in job.failure


def test_training_that_is_stopped_keeps_the_best_model_so_far(containers: Containers, tmp_path: Path) -> None:
    job = regression_job(tmp_path / "job", num_boost_round=1_000_000)
    training = containers.train(job.root)
    training.wait_for_log("iteration=20 ")
    code, seconds = training.stop()
    assert code == 0
    assert seconds < 5
    assert job.metadata["stopped"]


def test_training_that_is_stopped_before_its_first_line_ends_without_a_model(
    containers: Containers, tmp_path: Path
) -> None:
    job = regression_job(tmp_path / "job", num_boost_round=1_000_000)
    make_python_slow(job.root)
    training = containers.train(job.root, environment={"PYTHONPATH": "/opt/ml"})
    training.wait_for_log(SLOW)
    code, seconds = training.stop()
    assert code == 143
    assert seconds < 5
    assert not job.model_path.exists()


# serving


def test_server_answers_without_network_and_with_nothing_to_write_to(
    containers: Containers, model: Model, model_path: Path
) -> None:
    server = containers.serve(model_path, ports=None, network_mode="none")
    server.wait_for_log(" serving ")
    assert "without compiled code" not in server.log
    program = f"""
from urllib.request import Request, urlopen
print(urlopen("http://127.0.0.1:8080/ping", timeout=10).status)
request = Request("http://127.0.0.1:8080/invocations", {TWO_LINES!r}, {{"Content-Type": "text/csv"}})
print(urlopen(request, timeout=10).read().decode(), end="")
"""
    status, *values = python(server, program)
    assert status == "200"
    assert [float(value) for value in values] == expected_values(model, [FIRST, SECOND], "prediction")


def test_predictions_are_those_of_the_booster_to_the_last_bit(
    containers: Containers, model: Model, model_path: Path
) -> None:
    rows = np.random.default_rng(102).normal(size=(102, len(FIRST))) * 10
    body = "\n".join(",".join(map(repr, row)) for row in rows.tolist()).encode()
    endpoint = containers.serve(model_path).endpoint()
    assert endpoint.ask("GET", "/ping").status == 200
    reply = endpoint.ask("POST", "/invocations", body, {"Content-Type": CSV})
    assert reply.status == 200
    assert values_in(reply) == expected_values(model, rows.tolist(), "prediction")


def test_port_is_the_one_that_the_platform_names(containers: Containers, model_path: Path) -> None:
    server = containers.serve(model_path, {"SAGEMAKER_BIND_TO_PORT": "9000"}, ports={"9000/tcp": ("127.0.0.1", None)})
    assert server.endpoint(9000).ask("GET", "/ping").status == 200


def test_server_exits_with_0_when_it_is_stopped_before_its_first_line(containers: Containers, model_path: Path) -> None:
    make_python_slow(model_path)
    server = containers.serve(model_path, {"PYTHONPATH": "/opt/ml/model"})
    server.wait_for_log(SLOW)
    code, seconds = server.stop()
    assert code == 0
    assert seconds < 5
    assert server.log == SLOW + "\n"


@pytest.mark.parametrize("milliseconds", [0, 10, 30, 100, 300, 600])
def test_server_exits_with_0_when_it_is_stopped_while_it_starts(
    milliseconds: int, containers: Containers, model_path: Path
) -> None:
    for _ in range(2):
        server = containers.serve(model_path)
        server.wait_for_program()
        time.sleep(milliseconds / 1000)
        code, seconds = server.stop()
        assert code == 0
        assert seconds < 5
        assert "Traceback" not in server.log


def test_server_exits_with_0_when_it_is_stopped(containers: Containers, model_path: Path) -> None:
    server = containers.serve(model_path)
    with server.endpoint().connect():
        code, seconds = server.stop()
    assert code == 0
    assert seconds < 5
    assert server.log.endswith("stopped\n")


def test_server_without_a_model_says_why_and_exits_with_1(containers: Containers, tmp_path: Path) -> None:
    server = containers.serve(tmp_path)
    assert server.wait_for_end() == 1
    assert server.log.startswith("error: ")
    assert f"{MODEL} does not exist" in server.log


@pytest.mark.parametrize("cpus", [0.5, 1, 1.5])
def test_workers_are_as_many_as_the_processors_that_the_container_may_use(
    cpus: float, containers: Containers, model_path: Path
) -> None:
    server = containers.serve(model_path, nano_cpus=int(cpus * 1e9), mem_limit="256m")
    endpoint = server.endpoint()
    workers = min(2, os.cpu_count() or 1) if cpus > 1 else 1
    assert f" with {workers} worker{'s' if workers > 1 else ''} x {workers} threads" in server.log
    assert endpoint.ask("POST", "/invocations", LINE, {"Content-Type": CSV}).status == 200


@pytest.mark.parametrize("entrypoint", ["serve", ["/bin/sh", "-c", "exec serve"]])
def test_commands_are_there_for_those_who_start_without_the_entry_point(
    entrypoint: str | list[str], containers: Containers, model_path: Path
) -> None:
    server = containers.serve(model_path, command=(), entrypoint=entrypoint)
    assert server.endpoint().ask("GET", "/ping").status == 200
    assert server.stop()[0] == 0


def test_usage_is_shown_when_the_command_is_unknown(containers: Containers) -> None:
    container = containers.start("sreve")
    assert container.wait_for_end() == 2
    assert "invalid choice: 'sreve'" in container.log
