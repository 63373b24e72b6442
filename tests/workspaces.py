"""A workspace with some parts replaced by a test."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from lgbm_sm.config.loading import LoadedConfig
from lgbm_sm.config.sections import Config
from lgbm_sm.console import Console, OutputFormat
from lgbm_sm.workspace import Workspace, open_workspace


def make_workspace(folder: Path, config: Config, **parts: Any) -> Workspace:
    """Open a workspace in `folder`. `parts` replace its parts of the same names.

    `containers` in `folder` is the build context.
    """
    workspace = open_workspace(
        LoadedConfig(config, {}, None, folder),
        containers_path=folder / "containers",
        environment={},
        reporter=Console(output=OutputFormat.TEXT, verbose=False, environment={}),
        changes=True,
    )
    return replace(workspace, **parts)
