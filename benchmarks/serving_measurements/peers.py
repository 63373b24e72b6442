"""The servers that are measured: the server of this project, and other servers."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from benchmarks.serving_measurements.dialects import Dialect
from benchmarks.serving_measurements.models import Model
from benchmarks.serving_measurements.servers import Server

OURS = "lgbm-sm"
CHAIN = "notebook's chain"
CHAIN_AS_SHIPPED = "notebook's chain as shipped"
TOOLKIT = "Inference Toolkit on MMS"
MLSERVER = "MLServer"
MLFLOW = "MLflow"
FLOOR = "nginx return 200"


class Peer(Protocol):
    """A server to measure. `how` describes its settings."""

    @property
    def name(self) -> str: ...

    @property
    def how(self) -> str: ...

    @property
    def dialect(self) -> Dialect: ...

    def install(self, cache_path: Path) -> dict[str, str]:
        """Install the server if necessary. Return the versions of its parts.

        Raises:
            UnavailableError: the server cannot be installed on this machine.
        """

    def prepare(self, model: Model, folder: Path, workers: int) -> Callable[[], Server]:
        """Write the files for the server into the empty `folder`.

        Returns a function that starts the server.

        Raises:
            UnavailableError: the model cannot be converted for this server.
        """
