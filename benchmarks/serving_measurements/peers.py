"""What is measured: the server of this project, and those that people use today."""

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
    """One of them. `how` says in what way it is set up, where there is a choice."""

    @property
    def name(self) -> str: ...

    @property
    def how(self) -> str: ...

    @property
    def dialect(self) -> Dialect: ...

    def install(self, cache_path: Path) -> dict[str, str]:
        """Makes sure that it can be started; returns its parts' versions.

        Raises:
            UnavailableError: it cannot be had on this machine.
        """

    def prepare(self, model: Model, folder: Path, workers: int) -> Callable[[], Server]:
        """Lays out what it serves in the empty `folder`; the function that is returned starts it.

        Raises:
            UnavailableError: the model cannot be made its own.
        """
