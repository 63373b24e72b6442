"""MLflow's scoring server."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.serving_measurements.dialects import MLFLOW_CSV, Dialect
from benchmarks.serving_measurements.models import Model
from benchmarks.serving_measurements.peers import MLFLOW
from benchmarks.serving_measurements.programs import PeerEnvironment, UnavailableError, peer_environment
from benchmarks.serving_measurements.servers import HOST, Server, free_port, plain_environment, start_server

_FILES = Path(__file__).parents[1] / "peers" / "mlflow"
_SAVE_SECONDS = 120


@dataclass
class MLflow:
    """`mlflow models serve` in its own environment. It gets CSV."""

    name: str = MLFLOW
    how: str = "mlflow models serve, CSV with a header, OMP_NUM_THREADS=1"
    dialect: Dialect = MLFLOW_CSV
    _environment: PeerEnvironment = field(init=False)

    def install(self, cache_path: Path) -> dict[str, str]:
        self._environment = peer_environment(cache_path, "mlflow", _FILES / "requirements.txt")
        return self._environment.versions()

    def prepare(self, model: Model, folder: Path, workers: int) -> Callable[[], Server]:
        environment = {
            **plain_environment(folder, self._environment.folder / "bin"),
            "OMP_NUM_THREADS": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        model_path = self._saved(model, environment)
        port = free_port()
        command = [str(self._environment.program("mlflow")), "models", "serve", "--model-uri", str(model_path)]
        command += ["--env-manager", "local", "--host", HOST, "--port", str(port), "--workers", str(workers)]
        return partial(start_server, command, environment, folder, port)

    def _saved(self, model: Model, environment: dict[str, str]) -> Path:
        """Return the model in MLflow's format. It is written once, into the environment's folder."""
        path = self._environment.folder / "models" / model.folder.name
        if not (path / "MLmodel").exists():
            command = [str(self._environment.python), str(_FILES / "save_model.py"), str(model.path), str(path)]
            ended = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_SAVE_SECONDS, check=False
            )
            if ended.returncode:
                raise UnavailableError(f"{MLFLOW}: the model cannot be saved: {ended.stderr.strip()[-500:]}")
        return path
