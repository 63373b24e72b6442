"""The expected processes of a program, and the processes that are running now."""

from dataclasses import dataclass

from lgbm_sm.backends import RunningProgram
from lgbm_sm.config.sections import Pattern
from lgbm_sm.explain.sections import shortened


@dataclass(frozen=True)
class ExpectedProgram:
    """A process, or several processes of the same kind.

    `command` is a part of the command line. `depth` is the number of parent processes above it.
    """

    depth: int
    command: str
    does: str


_PER_CPU = "one per CPU of the container"
SERVING_PROGRAMS = {
    Pattern.BYOC: (
        ExpectedProgram(0, "start.py serve", "process 1, which watches the workers and passes SIGTERM on"),
        ExpectedProgram(1, "start.py serve", f"workers, {_PER_CPU}, which answer requests"),
    ),
    Pattern.INFERENCE_TOOLKIT: (
        ExpectedProgram(0, "tini", "process 1, which passes signals on"),
        ExpectedProgram(1, "-m lgbm_toolkit serve", "Python, which watches the server and stops it"),
        ExpectedProgram(2, "multi-model-server --start", "Python, which starts the server and waits for it"),
        ExpectedProgram(3, "java", "Multi Model Server, which answers on port 8080"),
        ExpectedProgram(4, "model_service_worker.py", "Python, which starts the workers"),
        ExpectedProgram(5, "model_service_worker.py", f"workers, {_PER_CPU}, which call the handler service"),
    ),
    Pattern.SCRIPT_MODE: (
        ExpectedProgram(0, "serve", "process 1, Python, which installs the code and starts nginx and gunicorn"),
        ExpectedProgram(1, "nginx: master process", "nginx with its own workers, which answers on port 8080"),
        ExpectedProgram(1, "gunicorn", "gunicorn's main process"),
        ExpectedProgram(2, "gunicorn", "workers, as many as SAGEMAKER_MODEL_SERVER_WORKERS, which call inference.py"),
    ),
}
PROCESS_PROGRAMS = (
    ExpectedProgram(0, "-m lgbm_runtime serve", "watches the workers and passes SIGTERM on"),
    ExpectedProgram(1, "-m lgbm_runtime serve", "workers, one for each CPU, which answer requests"),
)


def describe_expected(programs: tuple[ExpectedProgram, ...]) -> list[str]:
    """Return a line for each program, below the program that starts it."""
    return [f"{'  ' * program.depth}{program.command}: {program.does}" for program in programs]


def describe_running(programs: list[RunningProgram]) -> list[str]:
    """Return a line for each process, below the process that started it."""
    known = {program.pid for program in programs}
    roots = [program for program in programs if program.parent not in known]
    return [line for root in roots for line in _branch(root, programs, 0)]


def _branch(program: RunningProgram, programs: list[RunningProgram], depth: int) -> list[str]:
    children = [other for other in programs if other.parent == program.pid]
    line = f"{'  ' * depth}{program.pid}  {shortened(program.command)}"
    return [line, *(line for child in children for line in _branch(child, programs, depth + 1))]
