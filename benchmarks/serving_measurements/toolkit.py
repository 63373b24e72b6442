"""The SageMaker Inference Toolkit on Multi Model Server, used as in its documentation."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.serving_measurements.dialects import SAGEMAKER_CSV, Dialect
from benchmarks.serving_measurements.models import Model
from benchmarks.serving_measurements.peers import TOOLKIT
from benchmarks.serving_measurements.programs import PeerEnvironment, peer_environment, system_program
from benchmarks.serving_measurements.servers import Server, free_port, plain_environment, start_server

_FILES = Path(__file__).parents[1] / "peers" / "inference_toolkit"
_JAVA_PACKAGE = "default-jre-headless"


@dataclass
class InferenceToolkit:
    """The toolkit. The user's code has only `model_fn` and `predict_fn`."""

    name: str = TOOLKIT
    how: str = "its default decoder and encoder; Multi Model Server sets OMP_NUM_THREADS=1 itself"
    dialect: Dialect = SAGEMAKER_CSV
    _environment: PeerEnvironment = field(init=False)

    def install(self, cache_path: Path) -> dict[str, str]:
        java = system_program("java", _JAVA_PACKAGE)
        words = subprocess.run([java, "-version"], capture_output=True, text=True, check=True, timeout=60).stderr
        self._environment = peer_environment(cache_path, "inference-toolkit", _FILES / "requirements.txt")
        return {"java": words.splitlines()[0].split('"')[1], **self._environment.versions()}

    def prepare(self, model: Model, folder: Path, workers: int) -> Callable[[], Server]:
        code_path = folder / "ml" / "model" / "code"
        code_path.mkdir(parents=True)
        shutil.copy(_FILES / "inference.py", code_path)
        (code_path.parent / model.path.name).symlink_to(model.path)
        port = free_port()
        environment = {
            **plain_environment(folder, self._environment.folder / "bin", system_program("java", _JAVA_PACKAGE).parent),
            "SAGEMAKER_BASE_DIR": str(folder / "ml"),
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SAGEMAKER_MODEL_SERVER_WORKERS": str(workers),
        }
        command = [str(self._environment.python), str(_FILES / "serve.py"), str(folder / "mms.properties")]
        return partial(start_server, command, environment, folder, port)
