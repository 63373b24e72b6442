"""How long training takes, where it runs: the same rows, parameters and tree each time."""

import time
from datetime import UTC, datetime

from benchmarks.container_measurements.figures import CHAIN, Figures
from benchmarks.container_measurements.limits import at_most
from benchmarks.container_measurements.project import NAME, Project
from lgbm_sm.backends import TrainingInputs, opt_ml
from lgbm_sm.backends.docker.backend import ContainerSettings, DockerBackend
from lgbm_sm.backends.process import ProcessBackend
from lgbm_sm.errors import TrainingError
from lgbm_sm.preparation.schema import training_channels
from lgbm_sm.record.entries import Place, TrainingJob
from lgbm_sm.record.work_folder import remove_tree

_TRAINING_SECONDS = 300
_MEASURE = "training, start to exit"


def measure_training(project: Project, tags: dict[str, str], figures: Figures) -> None:
    """One round: the program as a bare process, the containers, and `lgbm-sm train` both ways."""
    bare = _process_seconds(project)
    ours = _container_seconds(project, tags["A, byoc"])
    chain = _container_seconds(project, tags[CHAIN])
    figures.add(_MEASURE, "s", "A's program as a bare process", bare)
    figures.add(_MEASURE, "s", "A, byoc", ours)
    figures.add(_MEASURE, "s", CHAIN, chain)
    figures.add("overhead of A's container over the bare program", "s", "A, byoc", ours - bare)
    for place in (Place.PROCESS, Place.DOCKER):
        started_at = time.monotonic()
        project.command("train", "--set", f"local.backend={place}")
        figures.add("`lgbm-sm train`", "s", f"local.backend: {place}", time.monotonic() - started_at)


def _process_seconds(project: Project) -> float:
    job, inputs = _job(project, Place.PROCESS)
    backend = project.workspace.backends[Place.PROCESS]
    if not isinstance(backend, ProcessBackend):
        raise TypeError(f"{backend} starts no processes")
    started_at = time.monotonic()
    run = backend.start_training(job, inputs)
    try:
        exit_code = run.program.wait(timeout=_TRAINING_SECONDS)
        seconds = time.monotonic() - started_at
    finally:
        backend.stop(job)
    return _checked(job, "the bare program", exit_code, seconds)


def _container_seconds(project: Project, tag: str) -> float:
    """From the request to make the container to its end; its removal is not counted."""
    job, inputs = _job(project, Place.DOCKER)
    backend = DockerBackend(project.engine, ContainerSettings(), image=tag)
    try:
        with at_most(_TRAINING_SECONDS, f"training in a container of {tag}"):
            started_at = time.monotonic()
            run = backend.start_training(job, inputs)
            exit_code = int(run.container.wait(timeout=_TRAINING_SECONDS)["StatusCode"])
            seconds = time.monotonic() - started_at
    finally:
        backend.stop(job)
    return _checked(job, tag, exit_code, seconds)


def _job(project: Project, place: Place) -> tuple[TrainingJob, TrainingInputs]:
    now = datetime.now(UTC)
    name = f"{NAME}-{now:%H-%M-%S-%f}"
    folder = project.record.jobs_path / name
    job = TrainingJob(name=name, project=NAME, place=place, created_at=now, folder=folder)
    channels = training_channels(project.workspace.data_path)
    return job, TrainingInputs(channels, project.config.training.hyperparameters)


def _checked(job: TrainingJob, what: str, exit_code: int, seconds: float) -> float:
    """`seconds`, once it is known that there is a model; the job's folder goes.

    Raises:
        TrainingError: there is none.
    """
    trained = any(job.root_path.glob("model/lightgbm-regression-model.txt"))
    failure = opt_ml.failure_reason(job.root_path)
    if exit_code or not trained:
        raise TrainingError(f"{what} has trained no model: exit code {exit_code} {failure}")
    remove_tree(job.folder)
    return seconds
