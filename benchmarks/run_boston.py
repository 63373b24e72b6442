"""Measure the overhead of `lgbm-sm run` on boston, with child processes as the backend.

Each round measures four things. First, the import of pandas and of scikit-learn's split function. Second, the training
program alone, on the same data. Third, the server program alone, from its start to its first answer. Fourth, the whole
`lgbm-sm run` in an empty folder. The overhead is the ratio of the fourth to the sum of the first three.

Prints the medians of wall time and of CPU time (user and system, with child processes) and the ratio: as text on
stderr, and as JSON on stdout. Exit code 1: the ratio of the wall times is above 1.3.
"""

import argparse
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from lgbm_sm.backends import TrainingInputs, opt_ml
from lgbm_sm.config.lightgbm_parameters import as_strings
from lgbm_sm.config.sections import Config
from lgbm_sm.preparation.schema import Split, load_schema, training_channels, verify_split
from lgbm_sm.record.work_folder import remove_tree
from lgbm_sm.shipped import containers_path

LIMIT = 1.3
IMPORTS = [sys.executable, "-c", "import pandas; from sklearn.model_selection import train_test_split"]
LGBM_SM = str(Path(sys.executable).with_name("lgbm-sm"))
PROGRAM = [sys.executable, "-P", "-m", "lgbm_runtime"]
PARTS = ("imports", "training", "server to first answer")
WHOLE = "lgbm-sm run"
FIRST_ANSWER_SECONDS = 60.0


class Cost(NamedTuple):
    """The wall time and the CPU time (user and system), in seconds."""

    wall: float
    cpu: float


class Workbench:
    """Prepares data once, and runs the programs to measure with this data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # the first run compiles the modules to bytecode, even if PYTHONDONTWRITEBYTECODE is set
        self._environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        self._program_environment = {**self._environment, "PYTHONPATH": str(containers_path() / "runtime")}
        prepared = folder / "prepared"
        prepared.mkdir()
        self._run([LGBM_SM, "train", "--set", "local.backend=process"], prepared, self._prepare(prepared))
        self._data = prepared / "data"
        (self._artifact_path,) = prepared.glob(".lgbm-sm/jobs/*/output/model.tar.gz")
        test_path = verify_split(self._data, load_schema(self._data), Split.TEST)
        self._row = test_path.read_bytes().splitlines()[0]

    def _prepare(self, folder: Path) -> dict[str, str]:
        self._run([LGBM_SM, "prepare-data"], folder, self._environment)
        return self._environment

    @staticmethod
    def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
        subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)

    def imports(self) -> None:
        """Run the imports that a user's own script would need."""
        self._run(IMPORTS, self._folder, self._environment)

    def training(self) -> None:
        """Run the program that `lgbm-sm train` starts, in a new folder."""
        root = self._folder / "training"
        hyperparameters = as_strings(Config().training.hyperparameters, self._folder)
        inputs = TrainingInputs(training_channels(self._data), hyperparameters)
        opt_ml.lay_out_training(root, inputs, "lo")
        self._run([*PROGRAM, "train", "--root", str(root)], self._folder, self._program_environment)

    def serving(self) -> Callable[[], None]:
        """Run the program that `lgbm-sm deploy` starts, until its first answer.

        It gets a listening socket, as from `deploy`. Returns a function that ends the program.
        """
        root = self._folder / "serving"
        opt_ml.lay_out_serving(root, self._artifact_path, {})
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            descriptor = listener.fileno()
            server = subprocess.Popen(
                [*PROGRAM, "serve", "--root", str(root), "--fd", str(descriptor)],
                env=self._program_environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(descriptor,),
            )
            port = listener.getsockname()[1]

        def end() -> None:
            server.send_signal(signal.SIGTERM)
            server.wait()

        try:
            self._first_answer(port)
        except BaseException:
            end()
            raise
        return end

    def _first_answer(self, port: int) -> None:
        """Send a row and wait for the answer. The socket takes it before the server runs."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=FIRST_ANSWER_SECONDS)
        connection.request("POST", "/invocations", self._row, {"Content-Type": "text/csv"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise RuntimeError(f"the server answered {answer.status}: {answer.read().decode()}")
        connection.close()

    def whole(self) -> None:
        """Run `lgbm-sm run` in an empty folder."""
        folder = self._folder / "run"
        folder.mkdir()
        self._run([LGBM_SM, "run", "--set", "local.backend=process"], folder, self._environment)

    def clear(self) -> None:
        """Remove the files of the last measurement. The time for this is not measured."""
        for name in ("training", "serving", "run"):
            remove_tree(self._folder / name)


def cost_of(measured: Callable[[], Callable[[], None] | None]) -> Cost:
    """Call `measured`. Return its cost, including its child processes.

    If `measured` returns a function, call that function too. Its time does not count.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    finish = measured()
    wall = time.perf_counter() - start
    if finish:
        finish()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(rounds: int, folder: Path) -> dict[str, list[Cost]]:
    """Return the costs by the name of the measurement. The first round only fills the caches."""
    bench = Workbench(folder)
    measurements: tuple[Callable[[], Callable[[], None] | None], ...]
    measurements = (bench.imports, bench.training, bench.serving, bench.whole)
    subjects = dict(zip((*PARTS, WHOLE), measurements, strict=True))
    costs: dict[str, list[Cost]] = {name: [] for name in subjects}
    for _ in range(rounds + 1):
        for name, measured in subjects.items():
            costs[name].append(cost_of(measured))
            bench.clear()
    return {name: found[1:] for name, found in costs.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds [7]")
    rounds = parser.parse_args().rounds
    folder = Path(tempfile.mkdtemp())
    try:
        costs = measure(rounds, folder)
    finally:
        shutil.rmtree(folder)
    medians = {name: Cost(*(median(values) for values in zip(*found, strict=True))) for name, found in costs.items()}
    whole = medians[WHOLE]
    wall_ratio = whole.wall / sum(medians[name].wall for name in PARTS)
    cpu_ratio = whole.cpu / sum(medians[name].cpu for name in PARTS)
    for name, cost in medians.items():
        print(f"{name:<24} wall {cost.wall:6.2f} s   cpu {cost.cpu:6.2f} s", file=sys.stderr)
    print(f"{'ratio to the sum':<24} wall {wall_ratio:6.2f}     cpu {cpu_ratio:6.2f}", file=sys.stderr)
    figures = {name: cost._asdict() for name, cost in medians.items()}
    print(
        json.dumps({"rounds": rounds, "medians": figures, "wall_ratio": wall_ratio, "cpu_ratio": cpu_ratio}, indent=1)
    )
    return int(wall_ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
