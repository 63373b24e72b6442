"""MLServer with its LightGBM runtime."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.serving_measurements.dialects import V2_JSON, Dialect
from benchmarks.serving_measurements.models import Model
from benchmarks.serving_measurements.peers import MLSERVER
from benchmarks.serving_measurements.programs import PeerEnvironment, peer_environment
from benchmarks.serving_measurements.servers import HOST, Server, free_port, plain_environment, start_server

_FILES = Path(__file__).parents[1] / "peers" / "mlserver"


@dataclass
class MLServer:
    """MLServer. It gets requests in the V2 protocol, because it has no other."""

    name: str = MLSERVER
    how: str = "mlserver-lightgbm, V2 JSON, parallel workers, OMP_NUM_THREADS=1"
    dialect: Dialect = V2_JSON
    _environment: PeerEnvironment = field(init=False)

    def install(self, cache_path: Path) -> dict[str, str]:
        self._environment = peer_environment(cache_path, "mlserver", _FILES / "requirements.txt")
        return self._environment.versions()

    def prepare(self, model: Model, folder: Path, workers: int) -> Callable[[], Server]:
        port = free_port()
        settings = {
            "host": HOST,
            "http_port": port,
            "grpc_port": free_port(),
            "metrics_port": free_port(),
            "parallel_workers": workers,
            # with debug, the log would have a line for each request
            "debug": False,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        served = {
            "name": "model",
            "implementation": "mlserver_lightgbm.LightGBMModel",
            "parameters": {"uri": str(model.path)},
        }
        (folder / "model-settings.json").write_text(json.dumps(served))
        environment = {**plain_environment(folder, self._environment.folder / "bin"), "OMP_NUM_THREADS": "1"}
        return partial(
            start_server, [str(self._environment.program("mlserver")), "start", str(folder)], environment, folder, port
        )
