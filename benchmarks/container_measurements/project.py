"""The project for the measurements: its folder, its commands and its workspaces."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from lgbm_sm.backends.docker.engine import PROJECT_LABEL, Engine, engine_errors
from lgbm_sm.config.loading import load_config
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.errors import EngineError
from lgbm_sm.record.entries import Image, Place
from lgbm_sm.record.record import Record
from lgbm_sm.record.work_folder import remove_tree
from lgbm_sm.shipped import containers_path
from lgbm_sm.workspace import Workspace, open_workspace

NAME = "lgbm-sm-benchmark"
_COMMAND_SECONDS = 300


class CommandError(Exception):
    """A command of lgbm-sm failed."""


class Silent:
    """A reporter that prints nothing, because the measurements print their own lines."""

    def step(self, text: str) -> None: ...

    def detail(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def log(self, line: str, brief: str = "") -> None: ...

    def progress(self, what: str, done: int, total: int) -> None: ...

    def status(self, text: str) -> None: ...

    def trace(self, text: str) -> None: ...


@dataclass(frozen=True)
class Project:
    """A project in a temporary folder.

    `workspaces` has a workspace for each pattern. `environment` is the environment of this process without the
    variables LGBM_SM_….
    """

    folder: Path
    environment: dict[str, str]
    workspaces: dict[Pattern, Workspace]

    @property
    def workspace(self) -> Workspace:
        """The workspace of pattern A, whose image trains."""
        return self.workspaces[Pattern.BYOC]

    @property
    def engine(self) -> Engine:
        return self.workspace.engine

    @property
    def record(self) -> Record:
        return self.workspace.record

    @property
    def config(self) -> Config:
        return self.workspace.config

    def command(self, *arguments: str) -> None:
        """Run `lgbm-sm` with these arguments.

        Raises:
            CommandError: the exit code was not 0.
            subprocess.TimeoutExpired: the command took longer than five minutes and was killed.
        """
        ended = subprocess.run(
            [str(Path(sys.executable).with_name("lgbm-sm")), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if ended.returncode:
            raise CommandError(f"lgbm-sm {' '.join(arguments)}: exit code {ended.returncode}\n{ended.stderr.strip()}")


@contextmanager
def opened_project(base_image: str | None, *, keep_images: bool) -> Iterator[Project]:
    """Open a project in a temporary folder.

    At the end, `lgbm-sm cleanup` removes all created resources, and the folder is deleted.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{NAME}-"))
    try:
        project = _project(folder, base_image)
        _adopt_kept_images(project)
        try:
            yield project
        finally:
            project.command("cleanup", "--yes", *(("--keep", "images") if keep_images else ()))
    finally:
        remove_tree(folder)  # remove_tree, because models are read-only


def _project(folder: Path, base_image: str | None) -> Project:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LGBM_SM_")}
    path = folder / "config.yaml"
    document = {
        "project": {"name": NAME},
        "container": {"repository": repository(Pattern.BYOC), "base_image": base_image},
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    workspaces = {
        pattern: open_workspace(
            load_config(path, [f"container.pattern={pattern}", f"container.repository={repository(pattern)}"]),
            containers_path=containers_path(),
            environment=environment,
            reporter=Silent(),
            changes=True,
        )
        for pattern in Pattern
    }
    return Project(folder, environment, workspaces)


def _adopt_kept_images(project: Project) -> None:
    """Record the images that an earlier run has kept, so that cleanup removes them too."""
    with engine_errors("images cannot be listed", EngineError):
        kept = project.engine.client.images.list(filters={"label": f"{PROJECT_LABEL}={NAME}"})
    for image in kept:
        pattern = image.labels.get("lgbm-sm.pattern", "")
        for tag in image.tags:
            now = datetime.now(UTC)
            project.record.add(Image(name=tag, project=NAME, place=Place.DOCKER, created_at=now, pattern=pattern))


def repository(subject: str) -> str:
    """Return the name of the image of a subject, without its tag."""
    return f"{NAME}-{subject.replace('_', '-').replace(' ', '-')}"
