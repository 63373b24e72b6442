"""What every command works with: the effective configuration, and the parts assembled from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lgbm_sm import xgboost_image
from lgbm_sm.aws import Accounts
from lgbm_sm.backends import Backend
from lgbm_sm.backends.choice import Choice, choose
from lgbm_sm.backends.docker import ContainerSettings, DockerBackend
from lgbm_sm.backends.docker_engine import Engine
from lgbm_sm.backends.process import ProcessBackend
from lgbm_sm.build_context import image_recipe, image_tag
from lgbm_sm.config import Config, LoadedConfig, LocalSection, Pattern
from lgbm_sm.configuration.instance_types import size_of
from lgbm_sm.inventory import Backends, Holdings
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Place, Record


@dataclass(frozen=True)
class Workspace:
    """The parts, and where the configuration's relative paths start: `folder`, that of config.yaml."""

    config: Config
    folder: Path
    containers_path: Path
    record: Record
    backends: Backends
    engine: Engine
    accounts: Accounts
    reporter: Reporter

    @property
    def holdings(self) -> Holdings:
        """Where what is ours may be."""
        return Holdings(self.record, self.backends, self.engine, self.accounts)

    @property
    def data_path(self) -> Path:
        return self.folder / self.config.data.folder

    @property
    def ca_bundle_path(self) -> Path | None:
        path = self.config.container.ca_bundle
        return self.folder / path if path else None


def open_workspace(
    loaded: LoadedConfig, *, containers_path: Path, environment: Mapping[str, str], reporter: Reporter
) -> Workspace:
    """Assemble a workspace; the work folder `.lgbm-sm` lies beside config.yaml.

    `containers_path` is the build context of the images, which holds the program too.
    """
    folder = loaded.folder.resolve()
    engine = Engine(environment)
    settings = _container_settings(loaded.config.local)
    backends: dict[Place, Backend] = {
        Place.PROCESS: ProcessBackend(runtime_path=containers_path / "runtime", environment=environment),
        Place.DOCKER: DockerBackend(engine, settings),
    }
    record = Record(folder / ".lgbm-sm")
    return Workspace(loaded.config, folder, containers_path, record, backends, engine, Accounts(), reporter)


def _container_settings(local: LocalSection) -> ContainerSettings:
    cpus, gibibytes = (local.limits_of and size_of(local.limits_of)) or (None, None)
    memory = local.memory or (gibibytes and f"{gibibytes * 1024:.0f}m") or None
    return ContainerSettings(local.environment, memory, local.cpus or cpus, local.network)


def choose_place(workspace: Workspace, pattern: Pattern) -> tuple[Choice, Backends]:
    """Where a pattern's program is started, and the places with the image that it takes there."""

    def tag_of(platform: str) -> str:
        if pattern is Pattern.SCRIPT_MODE:
            return xgboost_image.xgboost_tag(workspace.config)
        return image_tag(image_recipe(workspace.config, pattern, workspace.containers_path, platform))

    choice = choose(workspace.config.local.backend, workspace.engine, tag_of)
    docker = workspace.backends[Place.DOCKER]
    if choice.place is not Place.DOCKER or not isinstance(docker, DockerBackend):
        return choice, workspace.backends
    # the other patterns install requirements when their server starts
    ca_bundle_path = None if pattern is Pattern.BYOC else workspace.ca_bundle_path
    settings = replace(docker.settings, ca_bundle_path=ca_bundle_path)
    return choice, {**workspace.backends, Place.DOCKER: replace(docker, settings=settings, image=choice.image)}
