"""Which processes a serving container has once it is up: known of a pattern before one is started."""

from dataclasses import dataclass

from lgbm_sm.config.sections import Pattern


@dataclass(frozen=True)
class ExpectedProgram:
    """`command` stands in the process's command line; `depth` counts the processes above it."""

    depth: int
    command: str
    does: str


_SHARE = "one for each processor of the container's share"
SERVING_PROGRAMS = {
    Pattern.BYOC: (
        ExpectedProgram(0, "start.py serve", "process 1: watches the workers, and passes SIGTERM on"),
        ExpectedProgram(1, "start.py serve", f"workers, {_SHARE}: they answer"),
    ),
    Pattern.INFERENCE_TOOLKIT: (
        ExpectedProgram(0, "tini", "process 1: passes signals on"),
        ExpectedProgram(1, "-m lgbm_toolkit serve", "Python: watches the server, and ends it after the last answer"),
        ExpectedProgram(2, "multi-model-server --start", "Python: starts the server, and waits for it"),
        ExpectedProgram(3, "java", "Multi Model Server: answers on port 8080"),
        ExpectedProgram(4, "model_service_worker.py", "Python, once: starts the workers"),
        ExpectedProgram(5, "model_service_worker.py", f"workers, {_SHARE}: they call the handler service"),
    ),
    Pattern.SCRIPT_MODE: (
        ExpectedProgram(0, "serve", "process 1, Python: installs the code, and starts the two below"),
        ExpectedProgram(1, "nginx: master process", "nginx, with workers of its own: answers on port 8080"),
        ExpectedProgram(1, "gunicorn", "gunicorn's master"),
        ExpectedProgram(
            2, "gunicorn", "workers, as many as SAGEMAKER_MODEL_SERVER_WORKERS says: they call inference.py"
        ),
    ),
}


def describe_expected(pattern: Pattern) -> list[str]:
    """A line a process, or a group of them, below the one that starts it."""
    return [f"{'  ' * one.depth}{one.command}: {one.does}" for one in SERVING_PROGRAMS[pattern]]
