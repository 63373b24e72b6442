"""Send requests with wrk.

A script for wrk varies the rows. wrk itself takes only a few microseconds per request.
"""

import json
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving_measurements.dialects import Dialect
from benchmarks.serving_measurements.models import Model, random_rows
from benchmarks.serving_measurements.programs import system_program
from benchmarks.serving_measurements.servers import HOST
from benchmarks.serving_measurements.workloads import BODIES

_SCRIPT = Path(__file__).with_name("load.lua")
_ANSWER_SECONDS = 60
_PATIENCE_SECONDS = 120


class LoadError(Exception):
    """A request was not answered with 200, or wrk itself failed."""


class NoAnswerError(LoadError):
    """There were too few answers in this time for a result."""


@dataclass(frozen=True)
class Outcome:
    """The result of one measurement. It has latencies only if each client had its own thread."""

    requests: int
    seconds: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None

    @property
    def rate(self) -> float:
        """The requests per second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class Stream:
    """Several clients that send the bodies in a file.

    Each client waits for an answer before it sends the next body.
    """

    bodies_path: Path
    dialect: Dialect
    clients: int
    timed: bool

    def command(self, port: int, seconds: float) -> list[str]:
        """Return the command of wrk.

        To measure latencies, each client gets its own thread. Otherwise one thread has all clients.
        """
        threads = self.clients if self.timed else 1
        command = [str(system_program("wrk", "wrk")), "--threads", str(threads), "--connections", str(self.clients)]
        command += ["--duration", f"{seconds:.0f}s", "--timeout", f"{_ANSWER_SECONDS}s", "--script", str(_SCRIPT)]
        command += [f"http://{HOST}:{port}{self.dialect.path}", "--", str(self.bodies_path)]
        return [*command, self.dialect.content_type, self.dialect.accept, "each" if self.timed else "sum"]


def run_load(port: int, seconds: float, streams: Sequence[Stream], least_answers: int = 2) -> list[Outcome]:
    """Run all streams at the same time. The duration is rounded to whole seconds.

    Raises:
        NoAnswerError: a stream had fewer answers than `least_answers`.
        LoadError: the status of an answer was not 200, or a connection was lost.
    """
    with ExitStack() as running:
        generators = []
        for stream in streams:
            generator = subprocess.Popen(
                stream.command(port, seconds), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            running.callback(_end, generator)
            generators.append(generator)
        outcomes = [_outcome(generator, seconds) for generator in generators]
    for outcome in outcomes:
        if outcome.requests < least_answers:
            raise NoAnswerError(f"{outcome.requests} answers within {outcome.seconds:.1f} s")
    return outcomes


def _outcome(generator: "subprocess.Popen[str]", seconds: float) -> Outcome:
    try:
        _, words = generator.communicate(timeout=seconds + _PATIENCE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"wrk is still running {_PATIENCE_SECONDS} s after the end of its time") from error
    lines = words.splitlines()
    if generator.returncode or not lines or not lines[-1].startswith("{"):
        raise LoadError(f"wrk: exit code {generator.returncode}: {words.strip()}")
    seen = json.loads(lines[-1])
    failures = {name: seen[name] for name in ("failed", "reset", "refused", "late") if seen[name]}
    if failures:
        raise LoadError(f"of {seen['requests']} requests: {failures}")
    times = {f"{name}_ms": seen[f"{name}_us"] / 1000 for name in ("p50", "p99", "max") if f"{name}_us" in seen}
    return Outcome(seen["requests"], seen["duration_us"] / 1e6, **times)


def _end(generator: "subprocess.Popen[str]") -> None:
    if generator.poll() is None:
        generator.kill()
        generator.wait()
    if generator.stderr:
        generator.stderr.close()


def bodies_file(folder: Path, model: Model, dialect: Dialect, rows: int) -> Path:
    """Return the file that wrk's script reads. Create it if it does not exist.

    It has many bodies, each with `rows` different rows.
    """
    path = folder / f"{model.recipe.name}-{rows}-{dialect.write.__name__.strip('_')}.bodies"
    if not path.exists():
        count = BODIES[rows]
        table = random_rows(model.recipe, rows * count, seed=rows)
        with path.open("wb") as file:
            for index in range(count):
                body = dialect.write(table[index * rows : (index + 1) * rows], model.feature_names)
                file.write(b"%d\n%s" % (len(body), body))
    return path
