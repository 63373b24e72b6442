"""Pattern A's program from this checkout, started as `lgbm-sm deploy` starts a process."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.serving_measurements.dialects import SAGEMAKER_CSV, Dialect
from benchmarks.serving_measurements.models import Model
from benchmarks.serving_measurements.peers import OURS
from benchmarks.serving_measurements.servers import Server
from lgbm_sm.backends import opt_ml
from lgbm_sm.backends.process import ProcessBackend
from lgbm_sm.record.entries import Endpoint, Place
from lgbm_sm.shipped import containers_path

_PARTS = ("lightgbm", "numpy", "httptools", "orjson", "uvloop")
# variables that begin with these would change the defaults of the server
_SETTINGS = ("LGBM_", "OMP_", "SAGEMAKER_", "PYTHON")


@dataclass(frozen=True)
class OwnServer:
    """Our server with its default numbers of workers and threads."""

    name: str = OURS
    how: str = "pattern A's program as the process backend starts it, defaults"
    dialect: Dialect = SAGEMAKER_CSV

    def install(self, cache_path: Path) -> dict[str, str]:  # noqa: ARG002 - it is here
        return {"python": platform.python_version(), **{name: version(name) for name in _PARTS}}

    def prepare(self, model: Model, folder: Path, workers: int) -> Callable[[], Server]:  # noqa: ARG002 - it counts
        endpoint = Endpoint(
            name=folder.name,
            project="benchmark",
            place=Place.PROCESS,
            created_at=datetime.now(UTC),
            folder=folder,
            training_job=model.recipe.name,
        )
        opt_ml.lay_out_serving(endpoint.root_path, model.artifact_path, {})
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
        backend = ProcessBackend(containers_path() / "runtime", environment)

        def start() -> Server:
            server = backend.start_serving(endpoint, {})
            return Server(server.program, int(server.url.rpartition(":")[2]), endpoint.log_path)

        return start
