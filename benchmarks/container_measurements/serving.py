"""Measure a server: the time until it answers, its memory, and the time until it ends."""

import http.client
import tarfile
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.container_measurements.figures import Figures
from benchmarks.container_measurements.limits import at_most
from benchmarks.container_measurements.project import NAME, Project
from lgbm_sm import contract
from lgbm_sm.backends import opt_ml
from lgbm_sm.backends.docker.backend import ContainerServer, ContainerSettings, DockerBackend
from lgbm_sm.errors import EndpointError
from lgbm_sm.record.entries import Endpoint, Place
from lgbm_sm.record.work_folder import remove_tree

if TYPE_CHECKING:
    from docker.models.containers import Container

_READY_SECONDS = 120
_REQUEST_SECONDS = 10
_PAUSE_SECONDS = 0.02
# enough requests that each worker gets some
_REQUESTS = 50


@dataclass(frozen=True)
class Question:
    """A row of CSV, and the model's prediction for it."""

    row: bytes
    prediction: float


def first_question(data_path: Path, artifact_path: Path) -> Question:
    """Return the first row of the test split, and LightGBM's own prediction for it."""
    import lightgbm

    row = next(data_path.glob("test/*.csv")).read_bytes().splitlines()[0]
    with tarfile.open(artifact_path) as archive:
        file = archive.extractfile("lightgbm-regression-model.txt")
        if file is None:
            raise FileNotFoundError(f"{artifact_path} does not contain a model")
        booster = lightgbm.Booster(model_str=file.read().decode())
    predictions = np.asarray(booster.predict(np.array([row.split(b",")], dtype=np.float64)))
    return Question(row, float(predictions[0]))


def measure_serving(
    project: Project, tags: Mapping[str, str], artifact_path: Path, question: Question, figures: Figures
) -> None:
    """Measure one round: start each image, send requests to it, and stop it."""
    for subject, tag in tags.items():
        now = datetime.now(UTC)
        name = f"{NAME}-{now:%H-%M-%S-%f}"
        endpoint = Endpoint(
            name=name,
            project=NAME,
            place=Place.DOCKER,
            created_at=now,
            folder=project.record.endpoints_path / name,
            training_job=artifact_path.parent.parent.name,
            image=tag,
        )
        opt_ml.lay_out_serving(endpoint.root_path, artifact_path, {})
        backend = DockerBackend(project.engine, ContainerSettings(), image=tag)
        try:
            with at_most(2 * _READY_SECONDS, f"serving in a container of {tag}"):
                _measure(backend, endpoint, question, subject, figures)
        finally:
            backend.stop(endpoint)
        remove_tree(endpoint.folder)


def _measure(backend: DockerBackend, endpoint: Endpoint, question: Question, subject: str, figures: Figures) -> None:
    started_at = time.monotonic()
    server = backend.start_serving(endpoint, {})
    _wait_until_ready(server, question)
    figures.add("container start to first prediction", "s", subject, time.monotonic() - started_at)
    for _ in range(_REQUESTS):
        if _asked(server.url, question.row) is None:
            raise EndpointError(f"a container of {endpoint.image} answered first, but later it did not answer")
    figures.add(f"memory after {_REQUESTS} requests", "MiB", subject, _memory_bytes(server.container) / 2**20)

    started_at = time.monotonic()
    server.container.stop(timeout=int(contract.STOP_SERVING_SECONDS))
    exit_code = int(server.container.wait(timeout=_REQUEST_SECONDS)["StatusCode"])
    figures.add("SIGTERM to exit", "s", subject, time.monotonic() - started_at)
    figures.add("exit code", "", subject, exit_code)


def _wait_until_ready(server: ContainerServer, question: Question) -> None:
    """Wait until the server answers a row with 200.

    Raises:
        EndpointError: the server did not answer in time, or its prediction is wrong.
    """
    started_at = look_at = time.monotonic()
    while (answer := _asked(server.url, question.row)) is None:
        now = time.monotonic()
        if now > look_at:  # only once per second, because this request to Docker takes CPU time
            look_at = now + 1
            ended = server.ending() is not None
        else:
            ended = False
        if ended or now > started_at + _READY_SECONDS:
            log = server.container.logs(tail=15).decode(errors="replace")
            raise EndpointError(f"no answer from a container of {server.backend.image}\n{log}")
        time.sleep(_PAUSE_SECONDS)
    if abs(answer - question.prediction) > 1e-12 * abs(question.prediction):
        raise EndpointError(f"a container of {server.backend.image} predicts {answer}, not {question.prediction}")


def _asked(url: str, row: bytes) -> float | None:
    """Return the prediction, or None without an answer of status 200."""
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=_REQUEST_SECONDS)
    try:
        connection.request("POST", "/invocations", row, {"Content-Type": "text/csv", "Accept": "text/csv"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return float(body) if response.status == 200 else None


def _memory_bytes(container: "Container") -> float:
    """Return the memory that `docker stats` shows. It does not count the inactive file cache."""
    stats: Any = container.stats(stream=False)
    memory = stats["memory_stats"]
    details = memory["stats"]
    # the first name is that of control groups v1, the second one that of v2
    return float(memory["usage"] - details.get("total_inactive_file", details.get("inactive_file", 0)))
