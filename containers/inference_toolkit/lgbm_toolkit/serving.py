"""`serve`: install code/requirements.txt, verify the model, run Multi Model Server."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from lgbm_runtime import __version__
from lgbm_runtime.core.errors import ModelError
from lgbm_runtime.core.manifest import check_model
from lgbm_runtime.core.user_functions import code_path
from lgbm_runtime.environment import VariableError
from lgbm_toolkit.processes import ChildProcesses, StopRequestedError, end_group
from lgbm_toolkit.settings import CANNOT_SERVE, PROVEN, THREADS_VARIABLE, Settings, SettingsError
from lgbm_toolkit.worker_locks import LockWatch

# This is only a name, for Multi Model Server to import: an import here would load numpy and LightGBM into this process.
_HANDLER_SERVICE = "lgbm_toolkit.handler_service"
_LOG_CONFIG = Path(__file__).with_name("log4j2.xml")
# The limit for open requests. SageMaker sends SIGKILL 30 s after SIGTERM.
_DRAIN_SECONDS = 22.0
# If no worker is busy for this long, no request is open: the server needs less time to pass on a request or an answer.
_IDLE_SECONDS = 0.3
_WATCH_SECONDS = 2.0
# The server restarts a dead worker after a pause, but it does not notice each dead worker. It answers pings even
# without a worker. So the container ends itself if there is no worker for this long.
_WORKERLESS_SECONDS = 30.0


class ServeError(Exception):
    """The container cannot serve.

    The message gives the reason. It is empty if the reason is already in the log.
    """


def serve(model_path: Path, environment: Mapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT. Return 0 after a signal and 1 after a failure."""
    children = ChildProcesses()
    try:
        settings = Settings.of(environment)
        # the check comes first: the next steps use files of the model and run the user's code
        remark = check_model(model_path, environment)
        with tempfile.TemporaryDirectory(prefix="lgbm-toolkit-") as folder:
            watch = LockWatch(Path(folder))
            environment = {
                **environment,
                **watch.environment,
                THREADS_VARIABLE: str(settings.threads),
                # more threads of OpenBLAS would mostly wait for one another
                "OPENBLAS_NUM_THREADS": "1",
            }
            _install_requirements(children, code_path(model_path, environment), environment)
            began = time.monotonic()
            _verify(children, model_path, environment)
            if remark:
                _say(remark)
            patience = _WORKERLESS_SECONDS + (time.monotonic() - began) * settings.workers
            _run_server(children, model_path, environment, settings, Path(folder), watch, patience)
    except StopRequestedError:
        _say("stopped")
        return 0
    except (ServeError, SettingsError, VariableError, ModelError) as error:
        if str(error):
            _say(f"error: {error}")
        return 1
    return 0


def _install_requirements(children: ChildProcesses, code_folder: Path, environment: Mapping[str, str]) -> None:
    """Install code/requirements.txt with pip, as the toolkit does. The PIP_… variables apply."""
    requirements = code_folder / "requirements.txt"
    if not requirements.is_file():
        return
    _say(f"installing {requirements}")
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-cache-dir", "--no-input"]
    command += ["--root-user-action", "ignore", "--requirement", str(requirements)]
    code = children.run(command, environment, code_folder)
    if code != 0:
        raise ServeError(f"{requirements} could not be installed: pip {_how(code)}; pip's error is above")


def _verify(children: ChildProcesses, model_path: Path, environment: Mapping[str, str]) -> None:
    """Load the model in a separate process.

    The user's code may crash, change the process or start threads. None of that must affect this process.
    """
    code = children.run([sys.executable, "-m", "lgbm_toolkit.verification", str(model_path)], environment)
    if code == CANNOT_SERVE:
        raise ServeError
    if code != PROVEN:
        raise ServeError(f"the model cannot be served: the process that loaded the model {_how(code)}")


def _run_server(
    children: ChildProcesses,
    model_path: Path,
    environment: Mapping[str, str],
    settings: Settings,
    folder: Path,
    watch: LockWatch,
    patience: float,
) -> None:
    """Run Multi Model Server until a signal arrives.

    Raises ServeError if the server ends without a signal, and if no worker has the model for 30 s.
    """
    config_path = folder / "server.properties"
    config_path.write_text(settings.server_properties(_HANDLER_SERVICE))
    # the server does not start if an earlier start of this container left this file
    Path(tempfile.gettempdir(), ".model_server.pid").unlink(missing_ok=True)
    command = ["multi-model-server", "--start", "--foreground", "--model-store", "/"]
    command += ["--mms-config", str(config_path), "--log-config", str(_LOG_CONFIG), "--models", f"model={model_path}"]
    plural = "worker" if settings.workers == 1 else "workers"
    _say(
        f"lgbm_runtime {__version__} serving {model_path} on 0.0.0.0:{settings.port} "
        f"with {settings.workers} {plural} x {settings.threads} threads"
    )
    server = children.start(command, environment, folder)
    try:
        last_served = time.monotonic() + patience - _WORKERLESS_SECONDS
        while not children.has_ended(server, _WATCH_SECONDS):
            if children.stop_requested:
                _drain(server, watch)
                break
            if watch.some_worker_serves():
                last_served = time.monotonic()
            elif time.monotonic() - last_served > _WORKERLESS_SECONDS:
                raise ServeError(f"for {_WORKERLESS_SECONDS:.0f} s, no worker of the server has had a loaded model")
        else:
            if not children.stop_requested:
                raise ServeError(f"the server {_how(server.returncode)} unexpectedly")
    finally:
        end_group(server)
    _say("stopped")


def _drain(server: subprocess.Popen[bytes], watch: LockWatch) -> None:
    """Wait for the answers to the open requests. The server drops them when it ends."""
    end = time.monotonic() + _DRAIN_SECONDS
    idle_since = time.monotonic()
    while server.poll() is None and time.monotonic() < min(end, idle_since + _IDLE_SECONDS):
        if watch.some_worker_is_busy():
            idle_since = time.monotonic()
        time.sleep(0.01)


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _say(line: str) -> None:
    print(line, file=sys.stderr if line.startswith("error: ") else sys.stdout, flush=True)
