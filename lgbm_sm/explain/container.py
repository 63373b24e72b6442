"""Plan the container that a step starts: its `docker run` command and its files."""

import csv
import io
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lgbm_sm.backends import TrainingInputs
from lgbm_sm.backends.docker.backend import DockerBackend
from lgbm_sm.backends.docker.spec import PUBLISHED_ON, BindMount, ContainerSpec
from lgbm_sm.backends.unpacking import unpack
from lgbm_sm.config.lightgbm_parameters import as_strings
from lgbm_sm.config.sections import Pattern
from lgbm_sm.contract import SERVING_PORT
from lgbm_sm.errors import EngineError, UsageError
from lgbm_sm.explain.trees import describe_tree
from lgbm_sm.model.code import ModelCode
from lgbm_sm.model.source import ModelSource
from lgbm_sm.names import timestamped_name
from lgbm_sm.output_files import refuse_protected
from lgbm_sm.preparation.schema import CHANNELS
from lgbm_sm.record.entries import Endpoint, TrainingJob
from lgbm_sm.record.work_folder import remove_tree
from lgbm_sm.workspace import Workspace


@dataclass(frozen=True)
class PlannedContainer:
    """A container that is not started, and the command that would start it.

    `name` is the name of the job or the endpoint. `file_lines` describe the files in the container.
    """

    name: str
    spec: ContainerSpec
    file_lines: list[str]
    command_lines: list[str]


def training_container(workspace: Workspace, image: str, tree_path: Path | None) -> PlannedContainer:
    """Plan the container that trains. If `tree_path` is given, leave its files there.

    Raises:
        UsageError: `tree_path` is not empty.
    """
    with _folder(tree_path, workspace) as folder:
        backend, created_at = _backend(workspace, image), datetime.now(UTC)
        project = workspace.config.project.name
        name = timestamped_name(project, created_at)
        job = TrainingJob(name=name, project=project, place=backend.place, created_at=created_at, folder=folder)
        channels = {channel: workspace.data_path / data for channel, data in CHANNELS.items()}
        inputs = TrainingInputs(channels, as_strings(workspace.config.training.hyperparameters, workspace.folder))
        spec = backend.training_spec(job, inputs)
        usual_folder = workspace.record.jobs_path / name
        return _planned(name, _startable(spec, workspace), job.root_path, (folder, tree_path or usual_folder))


def serving_container(
    workspace: Workspace, image: str, source: ModelSource | None, code: ModelCode, tree_path: Path | None
) -> PlannedContainer:
    """Plan the container that serves. Without a model on this machine, /opt/ml/model is empty.

    Raises:
        EndpointError: the artifact is damaged.
        UsageError: `tree_path` is not empty.
    """
    with _folder(tree_path, workspace) as folder:
        backend, created_at = _backend(workspace, image), datetime.now(UTC)
        project = workspace.config.project.name
        name = timestamped_name(project, created_at)
        endpoint = Endpoint(
            name=name,
            project=project,
            place=backend.place,
            created_at=created_at,
            folder=folder,
            training_job=source.name if source else "",
        )
        if source is not None and source.path is not None:
            unpack(endpoint.root_path, source.path, code)
        else:
            (endpoint.root_path / "model").mkdir(parents=True)
        spec = backend.serving_spec(endpoint, code.environment)
        usual_folder = workspace.record.endpoints_path / name
        return _planned(name, _startable(spec, workspace), endpoint.root_path, (folder, tree_path or usual_folder))


def _planned(name: str, spec: ContainerSpec, root: Path, shown: tuple[Path, Path]) -> PlannedContainer:
    """Return the planned container.

    `shown` has two folders. The first has the files now. The command shows the second one in its place.
    """
    folder, shown_folder = (str(path.resolve()) for path in shown)
    command = in_lines([part.replace(folder, shown_folder) for part in docker_run(spec)])
    network = [f"docker network create --internal {spec.internal_network}"] if spec.internal_network else []
    return PlannedContainer(name, spec, describe_tree(root), [*network, *command])


def _startable(spec: ContainerSpec, workspace: Workspace) -> ContainerSpec:
    with suppress(EngineError):
        return replace(spec, cpus=min(spec.cpus, workspace.engine.cpus)) if spec.cpus else spec
    return spec


def _backend(workspace: Workspace, image: str) -> DockerBackend:
    settings = workspace.docker.settings
    if workspace.config.container.pattern is not Pattern.BYOC:
        settings = replace(settings, ca_bundle_path=workspace.ca_bundle_path)
    return replace(workspace.docker, settings=settings, image=image)


@contextmanager
def _folder(tree_path: Path | None, workspace: Workspace) -> Iterator[Path]:
    if tree_path is None:
        with tempfile.TemporaryDirectory(prefix="lgbm-sm-explain-") as name:
            folder = Path(name).resolve()
            try:
                yield folder
            finally:
                remove_tree(folder / "ml")  # remove_tree, because the folder of a model is read-only
        return
    refuse_protected("--tree", tree_path, workspace.protected())
    folder = tree_path.resolve()
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"--tree {tree_path}: the folder is not empty", "choose a new or an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def docker_run(spec: ContainerSpec) -> list[str]:
    """Return the words of a `docker run` command for the container, without name and labels."""
    options = [
        ("--hostname", spec.hostname),
        ("--network", "none" if spec.is_isolated else spec.internal_network),
        ("--publish", f"{PUBLISHED_ON}::{SERVING_PORT}" if spec.publishes else ""),
        *(("--mount", _mount(mount)) for mount in spec.mounts),
        *(("--env", f"{name}={value}") for name, value in spec.environment.items()),
        ("--memory", spec.memory),
        ("--memory-swap", spec.memory),
        ("--cpus", f"{spec.cpus:g}" if spec.cpus else ""),
        ("--stop-signal", spec.stop_signal),
    ]
    words = [word for name, value in options if value for word in (name, value)]
    return ["docker", "run", "--rm", *words, spec.image, spec.command]


def _mount(mount: BindMount) -> str:
    # Docker reads the value of --mount as a line of CSV, so a path with a comma needs quotes
    fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([*fields, *(["readonly"] if mount.read_only else [])])
    return line.getvalue()


def in_lines(words: list[str]) -> list[str]:
    """Return a `docker run` command for a shell, with one option per line."""
    lines: list[list[str]] = [[]]
    for word in words:
        if word.startswith("--") and lines != [["docker", "run"]]:
            lines.append([])
        lines[-1].append(shlex.quote(word))
    *options, last = lines
    # the first two words are the last option and its value; the image follows
    return [f"{' '.join(line)} \\" for line in (*options, last[:2])] + [" ".join(last[2:])]
