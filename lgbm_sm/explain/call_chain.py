"""Which file calls which, from the image's entry point to the function that predicts."""

from dataclasses import dataclass
from pathlib import Path

from lgbm_sm.config.sections import Pattern

_RUNTIME = "runtime/lgbm_runtime"
_TOOLKIT = "inference_toolkit/lgbm_toolkit"


@dataclass(frozen=True)
class Link:
    """A file of the build context and a text of the line in it that leads on; or `package`, somebody else's program.

    `here` is what the file is called where it runs, `does` what happens there.
    """

    file: str
    line: str
    here: str
    does: str
    package: str = ""


def _link(file: str, line: str, here: str, does: str) -> Link:
    return Link(file, line, here, does)


def _foreign(package: str, does: str) -> Link:
    return Link("", "", "", does, package)


_ENTRY_A = (
    _link(
        "byoc/Dockerfile",
        "ENTRYPOINT",
        "the image's entry point",
        "env holds SIGTERM and SIGINT back and becomes Python, which is process 1; the platform's word is the argument",
    ),
    _link(
        "byoc/start.py",
        "sys.exit(main(sys.argv[1:]))",
        "/opt/commands/start.py",
        "takes the signals over, then calls main of the program",
    ),
)
TRAINING = (
    *_ENTRY_A,
    _link(f"{_RUNTIME}/__main__.py", "return train(paths)", "/opt/runtime/lgbm_runtime/__main__.py", "`train`"),
    _link(
        f"{_RUNTIME}/training/program.py",
        "hyperparameters = read_hyperparameters(",
        "program.py",
        "hyperparameters.py gives the strings of hyperparameters.json the types of LightGBM's own list",
    ),
    _link(
        f"{_RUNTIME}/training/program.py",
        "channels = read_channels(",
        "program.py",
        "channels.py reads every file below each channel's folder, by the schema in the channel schema",
    ),
    _link(
        f"{_RUNTIME}/training/program.py",
        "outcome = boost(",
        "program.py",
        "boosting.py calls lightgbm.train; each iteration's metrics are a line of the log",
    ),
    _link(
        f"{_RUNTIME}/training/program.py",
        "write_artifact(paths.model_path",
        "program.py",
        "artifact.py writes the model, metadata.json and their manifest into /opt/ml/model",
    ),
    _link(
        f"{_RUNTIME}/training/failure.py",
        "def report_failure(",
        "failure.py",
        "where something fails: the reason into /opt/ml/output/failure, and on stderr; exit code 1",
    ),
)
_ANSWERS = (
    _link(
        f"{_RUNTIME}/core/user_code.py",
        "program = find_program(",
        "user_code.py",
        "finds the user's file through SAGEMAKER_PROGRAM in /opt/ml/model/code; each function that it lacks is ours",
    ),
    _link(
        f"{_RUNTIME}/core/predictor.py",
        "def answerer(",
        "predictor.py",
        "ours: decoding.py, booster.py and outputs.py, encoding.py stand for input_fn, predict_fn and output_fn",
    ),
)
_SERVING_A = (
    *_ENTRY_A,
    _link(f"{_RUNTIME}/__main__.py", "return serve(paths", "/opt/runtime/lgbm_runtime/__main__.py", "`serve`"),
    _link(
        f"{_RUNTIME}/serving/server.py",
        "remark = check_model(",
        "server.py",
        "manifest.py compares the files in /opt/ml/model with lgbm-sm-manifest.json: a changed one is not served",
    ),
    _link(
        f"{_RUNTIME}/serving/server.py",
        "service.prove()",
        "server.py",
        "listens on port 8080, loads the model and makes one prediction (code of the user's: each worker does)",
    ),
    _link(
        f"{_RUNTIME}/serving/supervisor.py",
        "pid = os.fork()",
        "supervisor.py",
        "forks the workers, which share the model's memory; replaces the dead, passes SIGTERM on",
    ),
    _link(
        f"{_RUNTIME}/serving/worker.py",
        "acceptor.start()",
        "worker.py",
        "in each worker: takes connections, the one that has the fewest the next",
    ),
    _link(
        f"{_RUNTIME}/serving/app.py",
        'if path == b"/invocations"',
        "app.py",
        "/ping, /invocations, /execution-parameters: paths, methods, sizes",
    ),
    *_ANSWERS,
)
_SERVING_B = (
    _link(
        "inference_toolkit/Dockerfile",
        "ENTRYPOINT",
        "the image's entry point",
        "tini is process 1 and passes signals on to Python; the platform's word is the argument",
    ),
    _link(f"{_TOOLKIT}/__main__.py", "return serve(", "lgbm_toolkit/__main__.py", "`serve`; anything else is refused"),
    _link(
        f"{_TOOLKIT}/serving.py",
        "remark = check_model(",
        "lgbm_toolkit/serving.py",
        "compares the files in /opt/ml/model with lgbm-sm-manifest.json: a changed one is not served",
    ),
    _link(
        f"{_TOOLKIT}/serving.py",
        "_install_requirements(children, ",
        "lgbm_toolkit/serving.py",
        "pip installs code/requirements.txt, where the model has one",
    ),
    _link(
        f"{_TOOLKIT}/serving.py",
        "_verify(children, ",
        "lgbm_toolkit/serving.py",
        "a process of its own (verification.py) loads the model and predicts once: without that the port never opens",
    ),
    _link(
        f"{_TOOLKIT}/serving.py",
        'command = ["multi-model-server"',
        "lgbm_toolkit/serving.py",
        "in the place of the toolkit's start_model_server, which ignores SIGTERM while it installs and waits: "
        "writes Multi Model Server's configuration file and starts the server with it",
    ),
    _link(
        f"{_TOOLKIT}/settings.py",
        '"default_service_handler": handler_service',
        "server.properties",
        "the configuration file names the port, the workers, the limits and the handler service",
    ),
    _foreign(
        "multi-model-server",
        "Java: answers on port 8080, and starts Python workers, each of which imports the handler service",
    ),
    _link(
        f"{_TOOLKIT}/handler_service.py",
        "super().__init__(transformer=LightgbmTransformer())",
        "lgbm_toolkit/handler_service.py",
        "the handler service: the toolkit's own with a transformer of ours",
    ),
    _foreign("sagemaker-inference", "DefaultHandlerService: initialize and handle call the transformer"),
    _link(
        f"{_TOOLKIT}/transformer.py",
        "self._answering = load_service(",
        "lgbm_toolkit/transformer.py",
        "loads the model, by model_fn where the user has one",
    ),
    _link(
        f"{_TOOLKIT}/transformer.py",
        "answer = self._answering.invoke(",
        "lgbm_toolkit/transformer.py",
        "each request: input_fn, predict_fn, output_fn, or transform_fn",
    ),
    *_ANSWERS,
)
_SERVING_C = (
    _foreign("AWS's XGBoost image", "no entry point: the platform's word `serve` is a program on its PATH"),
    _foreign(
        "sagemaker-containers, in that image",
        "copies /opt/ml/model/code to /opt/ml/code and runs `pip install . -r requirements.txt` there",
    ),
    _foreign(
        "nginx, in that image", "listens on port 8080, and hands on to gunicorn over a socket; 502 until it is up"
    ),
    _foreign("gunicorn, in that image", "starts workers, each of which imports the file that SAGEMAKER_PROGRAM names"),
    _link(
        "script_mode/inference.py",
        "service = load(",
        "/opt/ml/model/code",
        "model_fn, at a worker's first request, /ping included: compares the files in /opt/ml/model with their "
        "manifest, loads the model and makes one prediction",
    ),
    _link(
        "script_mode/inference.py",
        "reply = reply_to(",
        "/opt/ml/model/code",
        "transform_fn: the whole request, so that a refusal keeps its status",
    ),
    _link(
        f"{_RUNTIME}/core/user_code.py",
        "program = find_program(",
        "/opt/ml/model/code/lgbm_runtime/core/user_code.py",
        "the user's file, which LGBM_RUNTIME_PROGRAM names; each function that it lacks is ours",
    ),
    _ANSWERS[1],
)
SERVING = {
    Pattern.BYOC: _SERVING_A,
    Pattern.INFERENCE_TOOLKIT: _SERVING_B,
    Pattern.SCRIPT_MODE: _SERVING_C,
}


def describe_chain(chain: tuple[Link, ...], containers_path: Path) -> list[str]:
    """A line a link, each with the file and the line in it that leads on to the next."""
    return [f"{number}. {_where(link, containers_path)}: {link.does}" for number, link in enumerate(chain, 1)]


def line_number(link: Link, containers_path: Path) -> int:
    """Where in the file its text stands, from 1.

    Raises:
        ValueError: it stands nowhere there.
    """
    lines = (containers_path / link.file).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if link.line in line:
            return number
    raise ValueError(f"{link.file} has no line with {link.line}")


def _where(link: Link, containers_path: Path) -> str:
    if link.package:
        return link.package
    return f"containers/{link.file}:{line_number(link, containers_path)} ({link.here})"
