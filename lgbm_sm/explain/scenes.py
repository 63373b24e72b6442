"""What a container is started with: its tree, laid out by the code that lays it out, and its command line."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lgbm_sm.backends import TrainingInputs
from lgbm_sm.backends.docker.backend import DockerBackend
from lgbm_sm.backends.unpacking import unpack
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import UsageError
from lgbm_sm.explain.noted_engine import NotedContainer, NotingEngine, docker_run, in_lines
from lgbm_sm.explain.trees import describe_tree
from lgbm_sm.model.code import ModelCode
from lgbm_sm.model.source import ModelSource
from lgbm_sm.names import timestamped_name
from lgbm_sm.output_files import refuse_protected
from lgbm_sm.preparation.schema import CHANNELS
from lgbm_sm.record.entries import Endpoint, Place, TrainingJob
from lgbm_sm.record.work_folder import remove_tree
from lgbm_sm.workspace import Workspace


@dataclass(frozen=True)
class Scene:
    """`tree` are the lines of what lies below /opt/ml, `container` how it is started, `command` that as a shell's."""

    name: str
    tree: list[str]
    container: NotedContainer
    command: list[str]


def training_scene(workspace: Workspace, image: str, tree_path: Path | None) -> Scene:
    """What `train` finds; the tree stays at `tree_path`, where one is given."""
    with _folder(tree_path, workspace) as folder:
        name = new_name(workspace)
        job = TrainingJob(
            name=name, project=workspace.config.project.name, place=Place.DOCKER, created_at=now(), folder=folder
        )
        engine, backend = _backend(workspace, image)
        backend.start_training(job, training_inputs(workspace))
        return _scene(name, job.root_path, engine, _shown_folder(workspace.record.jobs_path / name, folder, tree_path))


def training_inputs(workspace: Workspace) -> TrainingInputs:
    """As a job gets them; whether the data are prepared is not looked at."""
    channels = {channel: workspace.data_path / folder for channel, folder in CHANNELS.items()}
    return TrainingInputs(channels, workspace.config.training.hyperparameters)


def serving_scene(
    workspace: Workspace, image: str, source: ModelSource | None, code: ModelCode, tree_path: Path | None
) -> Scene:
    """What `serve` finds; without a model on this machine the model's own files are missing in it.

    Raises:
        EndpointError: the artifact is damaged.
    """
    with _folder(tree_path, workspace) as folder:
        name = new_name(workspace)
        endpoint = Endpoint(
            name=name,
            project=workspace.config.project.name,
            place=Place.DOCKER,
            created_at=now(),
            folder=folder,
            training_job=source.name if source else "",
        )
        if source is not None and source.path is not None:
            unpack(endpoint.root_path, source.path, code)
        else:
            (endpoint.root_path / "model").mkdir(parents=True)
        engine, backend = _backend(workspace, image)
        backend.start_serving(endpoint, code.environment)
        shown = _shown_folder(workspace.record.endpoints_path / name, folder, tree_path)
        return _scene(name, endpoint.root_path, engine, shown)


def _scene(name: str, root: Path, engine: NotingEngine, shown: tuple[str, str]) -> Scene:
    command = in_lines([part.replace(*shown) for part in docker_run(engine.container)])
    networks = [f"docker network create --internal {network}" for network in engine.networks]
    return Scene(name, describe_tree(root), engine.container, [*networks, *command])


def _backend(workspace: Workspace, image: str) -> tuple[NotingEngine, DockerBackend]:
    engine = NotingEngine(workspace.engine)
    settings = workspace.docker.settings
    if workspace.config.container.pattern is not Pattern.BYOC:
        settings = replace(settings, ca_bundle_path=workspace.ca_bundle_path)
    return engine, DockerBackend(engine, settings, image)


def _shown_folder(usual: Path, folder: Path, tree_path: Path | None) -> tuple[str, str]:
    """What stands in paths, and what is shown in its place: where a job's tree lies, unless this one stays."""
    return (str(folder), str(folder if tree_path else usual))


@contextmanager
def _folder(tree_path: Path | None, workspace: Workspace) -> Iterator[Path]:
    if tree_path is None:
        with tempfile.TemporaryDirectory(prefix="lgbm-sm-explain-") as name:
            folder = Path(name).resolve()
            try:
                yield folder
            finally:
                remove_tree(folder / "ml")  # a model's folder is read-only
        return
    refuse_protected("--tree", tree_path, workspace.protected())
    folder = tree_path.resolve()
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"--tree {tree_path}: there is something already", "name a folder that is new or empty")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def now() -> datetime:
    return datetime.now(UTC)


def new_name(workspace: Workspace) -> str:
    return timestamped_name(workspace.config.project.name, now())
