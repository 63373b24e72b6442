"""The workspace of a command: the configuration, and the objects that are created from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lgbm_sm import __version__
from lgbm_sm.aws.account import Accounts
from lgbm_sm.aws.tags import resource_tags
from lgbm_sm.backends import ServingBackend
from lgbm_sm.backends.docker.backend import ContainerSettings, DockerBackend
from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.backends.local import LocalBackend
from lgbm_sm.backends.process import ProcessBackend
from lgbm_sm.config.backend_sections import LocalSection
from lgbm_sm.config.instance_types import size_of
from lgbm_sm.config.loading import LoadedConfig
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.inventory import InventorySources
from lgbm_sm.output_files import Protected
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Entry, Place
from lgbm_sm.record.identity import open_record
from lgbm_sm.record.record import Record
from lgbm_sm.shipped import describe_other_copy

if TYPE_CHECKING:
    from lgbm_sm.aws.dry_run import DryRun
    from lgbm_sm.backends.sagemaker.hosting import SageMakerHosting


@dataclass(frozen=True)
class Workspace:
    """The objects that a command needs.

    `folder` is the folder of config.yaml. Relative paths in the configuration start there. `config_path` is the file
    that was read, if any. `sources` are the places where its keys are set, and `overridden` are the keys that `--set`
    sets. See `open_workspace` for `asks_aws` and `finds_logs`.
    """

    config: Config
    config_path: Path | None
    folder: Path
    containers_path: Path
    record: Record
    process: ProcessBackend
    docker: DockerBackend
    engine: Engine
    accounts: Accounts
    reporter: Reporter
    asks_aws: bool
    finds_logs: bool
    sources: Mapping[str, str]
    overridden: frozenset[str] = frozenset()

    @cached_property
    def sagemaker(self) -> "SageMakerHosting":
        """The SageMaker backend. It is imported at the first use, because the import is slow."""
        from lgbm_sm.backends.sagemaker.hosting import SageMakerHosting

        return SageMakerHosting(
            accounts=self.accounts,
            config=self.config,
            record=self.record,
            reporter=self.reporter,
            make_tags=self.tags,
            is_wanted=self.asks_aws,
            finds_logs=self.finds_logs,
        )

    @property
    def backends(self) -> Mapping[Place, ServingBackend]:
        """The backends that may have jobs or endpoints of the project.

        The keys are their names in the record.
        """
        known: list[ServingBackend] = [self.process, self.docker]
        recorded = (*self.record.entries(), *self.record.aws_entries())
        if self.asks_aws or self.accounts.reached or not all(entry.is_local for entry in recorded):
            known.append(self.sagemaker)
        return {backend.place: backend for backend in known}

    def backend_of(self, entry: Entry) -> ServingBackend:
        """Return the backend of a job or an endpoint."""
        return self.backends[entry.place]

    @property
    def inventory_sources(self) -> InventorySources:
        """The sources of the inventory."""
        return InventorySources(
            self.record, self.backends, self.engine, self.accounts, self.config.project.name, finds_images=self.asks_aws
        )

    @property
    def dry_run(self) -> "DryRun | None":
        """The recorder of AWS calls for `--dry-run`, or None without `--dry-run`."""
        return self.accounts.dry_run

    def warn_of_other_containers(self) -> None:
        """Warn once if the project uses a copy of `containers` from another version of lgbm-sm."""
        while self._containers_remarks:
            self.reporter.warn(self._containers_remarks.pop())

    @cached_property
    def _containers_remarks(self) -> list[str]:
        remark = describe_other_copy(self.containers_path, __version__)
        return [remark] if remark else []

    def tags(self) -> dict[str, str]:
        """Return the tags of new resources."""
        return resource_tags(self.config.project.name, self.record.project_id, self.config.aws.tags)

    def problem(self, key: str, sentence: str) -> str:
        """Return a message about a key of the configuration, with the place where it is set."""
        source = self.sources.get(key, "")
        if source == "--set":
            return f"--set {key}: {sentence}"
        return f"{source}: {key} {sentence}" if source else f"{key} {sentence}"

    @property
    def data_path(self) -> Path:
        return self.folder / self.config.data.folder

    @property
    def ca_bundle_path(self) -> Path | None:
        path = self.config.container.ca_bundle
        return self.folder / path if path else None

    def protected(self, *inputs: str | Path | None) -> tuple[Protected, ...]:
        """Return the files that no output option may replace: files of the project, and inputs.

        The input `-` is stdin.
        """
        data = self.config.data
        tables = {"data.file": data.file}
        if data.files:
            tables |= {f"data.files.{split}": getattr(data.files, split) for split in ("train", "validation", "test")}
        code, bundle = self.config.endpoint.source_dir, self.config.container.ca_bundle
        named = {"in endpoint.source_dir": code, "the certificates of container.ca_bundle": bundle}
        paths = [Path("/dev/stdin") if one == "-" else Path(one) for one in inputs if one]
        return (
            *(Protected(path, "an input of the command") for path in paths),
            *([Protected(self.config_path, "the configuration")] if self.config_path else ()),
            *(Protected(self.folder / path, f"the table of {key}") for key, path in tables.items() if path),
            *(Protected(self.folder / path, what) for what, path in named.items() if path),
            Protected(self.data_path, "in the data folder (data.folder)"),
            Protected(self.record.work_path, "in lgbm-sm's work folder"),
        )


def open_workspace(
    loaded: LoadedConfig,
    *,
    containers_path: Path,
    environment: Mapping[str, str],
    reporter: Reporter,
    changes: bool,
    ask_aws: bool = False,
    finds_logs: bool = False,
    dry_run: "DryRun | None" = None,
) -> Workspace:
    """Open a workspace. Its work folder `.lgbm-sm` is next to config.yaml.

    `containers_path` is the build context of the images. It also contains the program `lgbm_runtime`. The AWS account
    is searched for the project's resources in three cases: the configuration uses SageMaker, the record contains AWS
    resources, or `ask_aws` is true. With `finds_logs`, the search includes logs. With a `dry_run`, nothing changes in
    the account or in the record. `changes` is true for a command that may change something. Such a command is refused
    in a copy of a project.

    Raises:
        RecordError: the record cannot be read, or the command may change something and the project is a copy.
        WorkFolderError: the command may change something, but the work folder cannot be written or is a link.
    """
    config = loaded.config
    folder = loaded.folder.resolve()
    record = open_record(folder, reporter, changes=changes, dry_run=dry_run is not None)
    engine = Engine(environment)
    accounts = Accounts(reporter.step, dry_run, reporter.detail)
    return Workspace(
        config=config,
        config_path=loaded.path,
        folder=folder,
        containers_path=containers_path,
        record=record,
        process=ProcessBackend(
            runtime_path=containers_path / "runtime", environment=environment, project_id=lambda: record.project_id
        ),
        docker=DockerBackend(engine, _container_settings(config.local), project_id=lambda: record.project_id),
        engine=engine,
        accounts=accounts,
        reporter=reporter,
        asks_aws=ask_aws or not config.is_local,
        finds_logs=finds_logs,
        sources=loaded.sources,
        overridden=loaded.overridden,
    )


def _container_settings(local: LocalSection) -> ContainerSettings:
    cpus, gibibytes = (local.limits_of and size_of(local.limits_of)) or (None, None)
    memory = local.memory or (gibibytes and f"{gibibytes * 1024:.0f}m") or None
    return ContainerSettings(local.environment, memory, local.cpus or cpus, local.network)


class ChosenBackend(NamedTuple):
    """A backend on this machine, and the reason for the choice."""

    backend: LocalBackend
    because: str


def choose_local_backend(workspace: Workspace, pattern: Pattern) -> ChosenBackend:
    """Choose the backend that runs a pattern's program on this machine.

    Raises:
        EngineError: `local.backend` is docker, but Docker does not answer.
        ImageError: `local.backend` is docker, but the image does not exist.
        ConfigError: `local.backend` is docker, but the configuration allows no image for the platform.
    """
    from lgbm_sm.backends.process_or_container import choose

    choice = choose(
        workspace.config.local.backend, workspace.engine, lambda platform: tag_of(workspace, pattern, platform)
    )
    if not choice.image:
        return ChosenBackend(workspace.process, choice.because)
    docker = workspace.docker
    # the server of pattern byoc never installs packages, so it needs no certificates
    ca_bundle_path = None if pattern is Pattern.BYOC else workspace.ca_bundle_path
    settings = replace(docker.settings, ca_bundle_path=ca_bundle_path)
    return ChosenBackend(replace(docker, settings=settings, image=choice.image), choice.because)


def tag_of(workspace: Workspace, pattern: Pattern, engine_platform: str) -> str:
    """Return the tag of a pattern's image. The errors are those of `pattern_tag`."""
    from lgbm_sm.backends.docker.build_context import pattern_tag

    return pattern_tag(workspace.config, pattern, workspace.containers_path, engine_platform)
