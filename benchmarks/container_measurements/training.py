"""Measure the time of training in a process and in containers, with the same data."""

import time
from datetime import UTC, datetime

from benchmarks.container_measurements.figures import CHAIN, Figures
from benchmarks.container_measurements.limits import at_most
from benchmarks.container_measurements.project import NAME, Project
from lgbm_sm.backends import TrainingInputs, opt_ml
from lgbm_sm.backends.docker.backend import ContainerSettings, DockerBackend
from lgbm_sm.backends.process import ProcessBackend
from lgbm_sm.config.lightgbm_parameters import as_strings
from lgbm_sm.errors import TrainingError
from lgbm_sm.preparation.schema import training_channels
from lgbm_sm.record.entries import Place, TrainingJob
from lgbm_sm.record.work_folder import remove_tree

_TRAINING_SECONDS = 300
_MEASURE = "training, start to exit"


def measure_training(project: Project, tags: dict[str, str], figures: Figures) -> None:
    """Measure one round.

    It measures the program as a process, the containers, and `lgbm-sm train` with a process and with a container.
    """
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
        raise TypeError(f"{backend} does not start processes")
    started_at = time.monotonic()
    run = backend.start_training(job, inputs)
    try:
        exit_code = run.program.wait(timeout=_TRAINING_SECONDS)
        seconds = time.monotonic() - started_at
    finally:
        backend.stop(job)
    return _checked(job, "the bare program", exit_code, seconds)


def _container_seconds(project: Project, tag: str) -> float:
    """Return the time from the request to create the container to the container's end."""
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
    return job, TrainingInputs(channels, as_strings(project.config.training.hyperparameters, project.workspace.folder))


def _checked(job: TrainingJob, what: str, exit_code: int, seconds: float) -> float:
    """Return `seconds` if the job has a model. Delete the folder of the job.

    Raises:
        TrainingError: the job has no model.
    """
    trained = any(job.root_path.glob("model/lightgbm-regression-model.txt"))
    failure = opt_ml.failure_reason(job.root_path)
    if exit_code or not trained:
        raise TrainingError(f"{what} did not train a model: exit code {exit_code} {failure}")
    remove_tree(job.folder)
    return seconds
