"""Run benchmarks/notebook_chain as processes, with changed paths in its files."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.serving_measurements.dialects import SAGEMAKER_CSV, Dialect
from benchmarks.serving_measurements.models import Model
from benchmarks.serving_measurements.peers import CHAIN, CHAIN_AS_SHIPPED
from benchmarks.serving_measurements.programs import PeerEnvironment, peer_environment, system_program
from benchmarks.serving_measurements.servers import Server, free_port, plain_environment, start_server

_CHAIN_PATH = Path(__file__).parents[1] / "notebook_chain"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass
class NotebookChain:
    """The notebook's chain: nginx, gunicorn with gevent, Flask and pandas.

    `threads` is the value of OMP_NUM_THREADS. None leaves it unset, as in the notebook.
    """

    threads: int | None
    dialect: Dialect = SAGEMAKER_CSV
    _environment: PeerEnvironment = field(init=False)

    @property
    def name(self) -> str:
        return CHAIN_AS_SHIPPED if self.threads is None else CHAIN

    @property
    def how(self) -> str:
        threads = "OMP_NUM_THREADS unset" if self.threads is None else f"OMP_NUM_THREADS={self.threads}"
        return f"benchmarks/notebook_chain, {threads}"

    def install(self, cache_path: Path) -> dict[str, str]:
        versions = {"nginx": nginx_version(system_program("nginx", "nginx-light"))}
        self._environment = peer_environment(cache_path, "notebook-chain", _CHAIN_PATH / "requirements.txt")
        return {**versions, **self._environment.versions()}

    def prepare(self, model: Model, folder: Path, workers: int) -> Callable[[], Server]:
        port = free_port()
        self._copy_program(folder, port)
        model_path = folder / "ml" / "model"
        model_path.mkdir(parents=True)
        (model_path / model.path.name).symlink_to(model.path)
        nginx_folder = system_program("nginx", "nginx-light").parent
        environment = {
            **plain_environment(folder, self._environment.folder / "bin", nginx_folder),
            "MODEL_SERVER_WORKERS": str(workers),
            **({} if self.threads is None else {"OMP_NUM_THREADS": str(self.threads)}),
        }
        command = [str(self._environment.python), str(folder / "program" / "serve")]
        return partial(start_server, command, environment, folder / "program", port)

    @staticmethod
    def _copy_program(folder: Path, port: int) -> None:
        """Copy the program. Replace its paths by paths below `folder`, and its port by a free one."""
        places = {
            "/opt/program": str(folder / "program"),
            "/opt/ml": str(folder / "ml"),
            "/tmp/": f"{folder}/",  # noqa: S108 - a text in its files
            "/dev/stdout": str(folder / "access.log"),
            "/dev/stderr": "stderr",
            "listen 8080": f"listen 127.0.0.1:{port}",
            "http {": "http {\n" + temporary_paths(folder),
        }
        (folder / "program").mkdir()
        for source in (_CHAIN_PATH / "program").iterdir():
            if not source.is_file():
                continue
            text = source.read_text(encoding="utf-8")
            # one substitution for all paths, because a new path may contain an old path
            text = re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], text)
            (folder / "program" / source.name).write_text(text, encoding="utf-8")


def temporary_paths(folder: Path) -> str:
    """Return nginx's settings of temporary folders. The defaults belong to the system's nginx."""
    return "".join(f"    {name}_temp_path {folder}/{name};\n" for name in _TEMPORARY)


def nginx_version(nginx: Path) -> str:
    """Read the version from the line `nginx version: nginx/1.22.1` on stderr."""
    line = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True, timeout=30).stderr
    return line.strip().rpartition("/")[2]
