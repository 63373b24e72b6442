"""One model in three containers: the same predictions, with the user's code, nothing left."""

from __future__ import annotations

import ssl
import textwrap
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from lgbm_sm.config.sections import Pattern
from lgbm_sm.explain.programs import SERVING_PROGRAMS
from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkServer
from tests.docker.explained import (
    as_started,
    explained,
    programs_in,
    run_as_shown,
    shown_command,
    wait_for_ping,
)
from tests.docker.projects import containers_of, new_project
from tests.docker.xgboost_stand_in import IN_SOAK, WHEELS, build_image

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

EXAMPLE = Path(__file__).parents[2] / "examples" / "src_builtin_container_serve"
FOUR_FUNCTIONS = """
    import os
    import lightgbm

    def model_fn(model_dir):
        return lightgbm.Booster(model_file=os.path.join(model_dir, "lightgbm-regression-model.txt"))

    def input_fn(body, content_type):
        assert content_type == "text/csv"
        return [[float(cell) for cell in line.split(",")] for line in body.splitlines()]

    def predict_fn(data, model):
        return 2 * model.predict(data)

    def output_fn(prediction, accept):
        return "".join(repr(float(value)) + "\\n" for value in prediction), "text/csv"
"""
# as it was written for the notebook: no output_fn, and the model where the platform puts it
THREE_FUNCTIONS = """
    import lightgbm

    def model_fn(model_dir):
        return lightgbm.Booster(model_file="/opt/ml/model/lightgbm-regression-model.txt")

    def input_fn(request_body, request_content_type):
        return [[float(cell) for cell in line.split(",")] for line in request_body.splitlines()]

    def predict_fn(input_data, model):
        return 2 * model.predict(input_data)
"""
ONE_FUNCTION = """
    def transform_fn(model, body, content_type, accept):
        rows = [[float(cell) for cell in line.split(",")] for line in body.splitlines()]
        return "".join(repr(float(2 * value)) + "\\n" for value in model.predict(rows)), "text/csv"
"""


@dataclass(frozen=True)
class Project:
    """A project with a model that a process has trained, and the predictions of a process."""

    lgbm_sm: CommandLine
    predictions: list[float]


# a pattern's tests share a project, and so a process
CASES = [
    pytest.param(name, marks=pytest.mark.xdist_group(f"patterns {name}"))
    for name in ("byoc", "inference_toolkit", "script_mode 1.5-1")
]
NEWER_IMAGE = pytest.param("script_mode 3.0-5", marks=[pytest.mark.xdist_group("patterns script_mode 3.0-5"), IN_SOAK])

# what tests of one of AWS's images prove of the other too: tests/docker/test_script_mode_user_code.py asks both
EACH_PATTERN = pytest.mark.parametrize("case", CASES, indirect=True, scope="module")


@pytest.fixture(scope="module", params=[*CASES, NEWER_IMAGE])
def case(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def pattern(case: str) -> str:
    return case.partition(" ")[0]


@pytest.fixture(scope="module")
def project(
    case: str,
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    toolkit_image: str,
    docker_session: str,
    fork_server: ForkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    pattern, _, version = case.partition(" ")
    folder = tmp_path_factory.mktemp(pattern)
    image = build_image(engine, base_image, version) if version else ""
    for lgbm_sm in new_project(engine, base_image, docker_session, folder, fork_server):
        lgbm_sm.environment["LGBM_SM_CONTAINER__PATTERN"] = pattern
        if version:
            lgbm_sm.environment["LGBM_SM_CONTAINER__XGBOOST_VERSION"] = version
            for name, value in WHEELS.items():
                lgbm_sm.environment[f"LGBM_SM_LOCAL__ENVIRONMENT__{name}"] = value
        else:
            lgbm_sm.environment["LGBM_SM_CONTAINER__REPOSITORY"] = f"test-{docker_session}-{uuid.uuid4().hex[:6]}"
        lgbm_sm("build", *(("--image", image) if image else ()))
        answered = lgbm_sm("run", "--set", "local.backend=process").stdout
        yield Project(lgbm_sm, numbers(answered))


def numbers(text: str) -> list[float]:
    return [float(line) for line in text.splitlines()]


def depth(pid: int, parents: dict[int, int]) -> int:
    """Return how many of the processes are ancestors of this one."""
    above = parents[pid]
    return 1 + depth(above, parents) if above in parents else 0


def test_run_predicts_what_a_process_predicts(project: Project, pattern: str) -> None:
    predictions = numbers(project.lgbm_sm("run").stdout)
    assert len(predictions) == 102
    assert predictions == pytest.approx(project.predictions, rel=0, abs=0 if pattern == "byoc" else 1e-12)


def test_a_model_that_a_process_trained_is_served_by_the_container(project: Project) -> None:
    project.lgbm_sm("train", "--set", "local.backend=process")
    deployed = project.lgbm_sm("deploy")
    assert "a container of" in deployed.stderr
    assert numbers(project.lgbm_sm("predict").stdout) == pytest.approx(project.predictions, rel=0, abs=1e-12)


def test_a_model_that_a_container_trained_is_served_by_a_process(project: Project) -> None:
    assert "a container of" in project.lgbm_sm("train").stderr
    deployed = project.lgbm_sm("deploy", "--set", "local.backend=process")
    assert "a process on this machine" in deployed.stderr
    assert numbers(project.lgbm_sm("predict").stdout) == project.predictions


@EACH_PATTERN
@pytest.mark.parametrize("code", [FOUR_FUNCTIONS, THREE_FUNCTIONS, ONE_FUNCTION], ids=["four", "three", "transform_fn"])
def test_the_users_functions_answer(code: str, project: Project, tmp_path: Path) -> None:
    (tmp_path / "inference.py").write_text(textwrap.dedent(code))
    project.lgbm_sm("deploy", "--set", f"endpoint.source_dir={tmp_path}")
    doubled = [2 * value for value in project.predictions]
    assert numbers(project.lgbm_sm("predict").stdout) == pytest.approx(doubled, rel=0, abs=1e-12)


@EACH_PATTERN
def test_the_example_says_in_the_log_what_each_function_gets(project: Project) -> None:
    project.lgbm_sm("deploy", "--set", f"endpoint.source_dir={EXAMPLE}")
    assert numbers(project.lgbm_sm("predict").stdout) == pytest.approx(project.predictions, rel=0, abs=1e-12)
    log = project.lgbm_sm("logs").stdout
    for line in (
        "-> Booster, 13 features, 20 trees",
        "content_type: str, 8 characters) -> ndarray, shape (102, 13), float64",
        "model: Booster, 13 features, 20 trees) -> ndarray, shape (102,), float64",
        "output_fn(prediction: ndarray, shape (102,), float64, accept: str, 8 characters) -> str, ",
    ):
        assert line in log


@EACH_PATTERN
def test_the_containers_own_words_say_why_it_cannot_serve(project: Project, tmp_path: Path) -> None:
    (tmp_path / "inference.py").write_text("def model_fn(model_dir):\n    raise ValueError('no such model')\n")
    refused = project.lgbm_sm("deploy", "--set", f"endpoint.source_dir={tmp_path}", exit_code=8)
    assert "ValueError: no such model" in refused.stderr


@EACH_PATTERN
def test_requirements_are_installed_at_the_start_or_refused_before_it(
    engine: docker.DockerClient, project: Project, pattern: str, tmp_path: Path
) -> None:
    (tmp_path / "inference.py").write_text(
        "def predict_fn(data, model):\n    import tabulate\n    print('tabulate is there')\n    return model.predict(data)\n"
    )
    (tmp_path / "requirements.txt").write_text("tabulate\n")
    # as behind a TLS-intercepting proxy
    trusted = ssl.get_default_verify_paths().cafile
    settings = (f"endpoint.source_dir={tmp_path}", f"container.ca_bundle={trusted}", "local.environment.PIP_NO_INDEX=")
    options = [word for setting in settings for word in ("--set", setting)]
    if pattern == "byoc":
        refused = project.lgbm_sm("deploy", *options, exit_code=3)
        assert (
            "requirements.txt:1: tabulate is not available: the image of pattern byoc installs nothing"
            in refused.stderr
        )
        return
    project.lgbm_sm("deploy", *options)
    assert numbers(project.lgbm_sm("predict").stdout) == pytest.approx(project.predictions, rel=0, abs=1e-12)
    assert "tabulate is there" in project.lgbm_sm("logs").stdout
    [container] = engine.containers.list(filters={"label": f"lgbm-sm.folder={project.lgbm_sm.folder / '.lgbm-sm'}"})
    assert "PIP_CERT=/opt/lgbm-sm/ca-bundle.pem" in container.attrs["Config"]["Env"]


def programs_of(container: Container) -> dict[int, str]:
    return {int(pid): args for pid, args in container.top(ps_args="-eo pid,args")["Processes"]}


@EACH_PATTERN
def test_explain_shows_how_the_endpoints_container_was_started_and_what_runs_in_it(
    engine: docker.DockerClient, project: Project, pattern: str, docker_session: str, tmp_path: Path
) -> None:
    project.lgbm_sm("deploy")
    [container] = containers_of(engine, project.lgbm_sm)

    def look(number: int) -> tuple[dict[str, list[str]], dict[int, str], dict[int, str]]:
        found = explained(project.lgbm_sm, "deploy", "--tree", str(tmp_path / f"tree-{number}"))
        return found, programs_in(found["Processes"]), programs_of(container)

    found, seen, there = look(0)
    # for a ping, AWS's image starts a pip now and then: the command and the test are to see the same processes
    for number in range(1, 20):
        if set(seen) == set(there):
            break
        found, seen, there = look(number)
    assert set(seen) == set(there)

    image = engine.images.get(container.attrs["Config"]["Image"]).attrs
    facts = "\n".join(found["The image"])
    entry_point = image["Config"]["Entrypoint"]
    for fact in (image["Id"], *(entry_point or ["none"]), f"{image['Size'] / 1e6:.0f} MB", "linux/amd64"):
        assert fact in facts
    assert [line.strip() for line in found["Environment variables"][-len(image["Config"]["Env"]) :]] == image["Config"][
        "Env"
    ]

    assert all(there[pid].startswith(command.rstrip("…")) for pid, command in seen.items())
    parents = {int(pid): int(parent) for pid, parent in container.top(ps_args="-eo pid,ppid")["Processes"]}
    for expected in SERVING_PROGRAMS[Pattern(pattern)]:
        assert any(
            expected.command in command and depth(pid, parents) == expected.depth
            for pid, command in there.items()
            if pid in parents
        ), (expected, found["Processes"])

    command = shown_command(found["How it is started"])
    with run_as_shown(engine, command, docker_session) as by_hand:
        assert as_started(by_hand) == as_started(container)
        url = wait_for_ping(by_hand)
        rows = (project.lgbm_sm.folder / "data" / "test" / "boston_test.csv").read_bytes()
        request = urllib.request.Request(f"{url}/invocations", rows, {"Content-Type": "text/csv"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            predictions = numbers(answer.read().decode())
    assert predictions == pytest.approx(project.predictions, rel=0, abs=1e-12)


@EACH_PATTERN
def test_nothing_is_left_but_what_is_not_ours(
    engine: docker.DockerClient, project: Project, bystander: Container
) -> None:
    before = {container.id for container in engine.containers.list()}
    assert bystander.id in before
    project.lgbm_sm("deploy")
    project.lgbm_sm("cleanup", "--yes", "--keep", "images,training-jobs")
    bystander.reload()
    assert bystander.status == "running"
    after = engine.containers.list(all=True, filters={"label": f"lgbm-sm.folder={project.lgbm_sm.folder / '.lgbm-sm'}"})
    assert after == []
