"""Images that keep the contract or break one rule, with their data, model and limits."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import docker
import pytest

from lgbm_sm.backends import TrainingInputs
from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.verify.checks import Report, Result
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.subject import SampleRequest, Subject
from lgbm_sm.verify.verifier import Verification
from tests.docker.conftest import (  # noqa: F401 - fixtures
    base_image,
    byoc_image,
    docker_session,
    engine,
    pytest_runtest_makereport,
    toolkit_image,
)
from tests.verify.conforming_image import conforming_image

ROWS = b"".join(b"%d,%d.5,-2e-3\n" % (row, row) for row in range(50))


@pytest.fixture(scope="session")
def conforming(engine: docker.DockerClient, base_image: str) -> str:  # noqa: F811
    """The name of an image that keeps the whole contract."""
    return conforming_image(engine, base_image)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> TrainingInputs:
    folder = tmp_path_factory.mktemp("train")
    (folder / "rows.csv").write_bytes(ROWS)
    return TrainingInputs({"train": folder}, {"num_leaves": "31", "num_boost_round": "20", "objective": "regression"})


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model archive that the conforming image can serve."""
    path = tmp_path_factory.mktemp("model") / "model.tar.gz"
    with tarfile.open(path, "w:gz") as made:
        content = b"model of 50 rows\n"
        member = tarfile.TarInfo("model.txt")
        member.size = len(content)
        made.addfile(member, io.BytesIO(content))
    return path


class Verifier:
    """Verifies images, with time limits short enough for tests."""

    def __init__(self, folder: Path, inputs: TrainingInputs) -> None:
        self.folder = folder
        self.inputs = inputs
        self.told: list[Result] = []

    def __call__(self, image: str, *, full: bool = False, model: Path | None = None, only: str = "") -> Report:
        limits = Limits(training=20, stop_training=3, startup=4, answer=20, stop_serving=5, memory_round=10)
        verification = Verification(Engine(os.environ), limits, full, self.folder, self.told.append)
        request = SampleRequest(ROWS, "text/csv")
        report = verification.verify(Subject(image, self.inputs, model, request, only=only))
        assert self.told[-len(report.results) :] == list(report.results)
        return report


@pytest.fixture
def verify(tmp_path: Path, inputs: TrainingInputs) -> Verifier:
    return Verifier(tmp_path, inputs)
