"""The paths of the SageMaker container contract."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_ROOT = Path("/opt/ml")


@dataclass(frozen=True)
class ContainerPaths:
    """The paths below `root`, which is /opt/ml in a container.

    Source: AWS's developer guide, "How Amazon SageMaker AI Provides Training Information" and "How SageMaker AI Loads
    Your Model Artifacts".
    """

    root: Path = DEFAULT_ROOT

    @property
    def config_path(self) -> Path:
        return self.root / "input" / "config"

    @property
    def hyperparameters_path(self) -> Path:
        """The file of the hyperparameters: a flat JSON object whose values are strings."""
        return self.config_path / "hyperparameters.json"

    @property
    def input_data_config_path(self) -> Path:
        """The file with the content type, the input mode and the distribution of each channel."""
        return self.config_path / "inputdataconfig.json"

    @property
    def resource_config_path(self) -> Path:
        """The file with the names of the job's hosts, and the name of this host."""
        return self.config_path / "resourceconfig.json"

    @property
    def data_path(self) -> Path:
        return self.root / "input" / "data"

    def channel_path(self, name: str) -> Path:
        """The folder that holds the channel's files."""
        return self.data_path / name

    @property
    def model_path(self) -> Path:
        """The folder of the model.

        A training job writes it, and SageMaker packs it into model.tar.gz. An endpoint may only read it.
        """
        return self.root / "model"

    @property
    def output_data_path(self) -> Path:
        """The folder that SageMaker packs into output.tar.gz."""
        return self.root / "output" / "data"

    @property
    def failure_path(self) -> Path:
        """The file whose first 1,024 characters become the job's FailureReason."""
        return self.root / "output" / "failure"
