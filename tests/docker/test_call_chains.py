"""The call chains of `explain` are those of the programs in the images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.types import Mount

from tests.call_traces import TRACER, VARIABLE, ask, compare
from tests.contract.cases import LINE
from tests.docker.byoc_image import Containers
from tests.docker.toolkit_image import Starter, write_model
from tests.docker.xgboost_stand_in import StandInStarter
from tests.docker.xgboost_stand_in import write_model as write_script_mode_model
from tests.runtime.training_jobs import traced_job

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

ROW = LINE.decode()


@pytest.fixture
def trace_path(tmp_path: Path) -> Path:
    folder = tmp_path / "trace"
    folder.mkdir(mode=0o777)
    return folder


@pytest.fixture
def traced(trace_path: Path) -> dict[str, Any]:
    """Return docker-py's options for a container with the tracer."""
    return {
        "mounts": [
            Mount("/opt/call_trace", str(TRACER), type="bind", read_only=True),
            Mount("/opt/trace", str(trace_path), type="bind"),
        ]
    }


VARIABLES = {"PYTHONPATH": "/opt/call_trace", VARIABLE: "/opt/trace", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def stand_ins(engine: docker.DockerClient, base_image: str, docker_session: str) -> Iterator[StandInStarter]:
    starter = StandInStarter(engine, base_image, docker_session)
    yield starter
    starter.remove_all()


@pytest.fixture
def toolkit(engine: docker.DockerClient, toolkit_image: str, docker_session: str) -> Iterator[Starter]:
    starter = Starter(engine, toolkit_image, docker_session)
    yield starter
    starter.remove_all()


def test_pattern_a_trains_and_serves_as_its_chains_say(
    containers: Containers, traced: dict[str, Any], trace_path: Path, tmp_path: Path
) -> None:
    job = traced_job(tmp_path / "ml")
    traced["mounts"].append(Mount("/opt/ml", str(job.root), type="bind"))
    trains = containers.start("train", environment=VARIABLES, **traced)
    assert trains.wait_for_end() == 0, trains.log
    compare("train", trace_path)
    for file in trace_path.iterdir():
        file.unlink()
    serves = containers.start(
        "serve",
        environment={**VARIABLES, "LGBM_RUNTIME_WORKERS": "2"},
        ports={"8080/tcp": ("127.0.0.1", None)},
        **traced,
    )
    ask(serves.endpoint(), "1,2,3,4,5")
    assert serves.stop()[0] == 0
    compare("byoc", trace_path)


def test_pattern_b_serves_as_its_chain_says(
    toolkit: Starter, traced: dict[str, Any], trace_path: Path, tmp_path: Path
) -> None:
    serves = toolkit(write_model(tmp_path / "model"), VARIABLES, **traced)
    ask(serves.endpoint(), ROW)
    assert serves.stop()[0] == 0
    compare("inference_toolkit", trace_path)


def test_pattern_c_serves_as_its_chain_says(
    stand_ins: StandInStarter, traced: dict[str, Any], trace_path: Path, tmp_path: Path
) -> None:
    variables = {**VARIABLES, "PYTHONPATH": f"/opt/stand_in:{VARIABLES['PYTHONPATH']}"}
    serves = stand_ins("1.5-1", write_script_mode_model(tmp_path / "model", "1.5-1"), variables, **traced)
    ask(serves.endpoint(), ROW)
    assert serves.stop()[0] == 0
    compare("script_mode", trace_path)
