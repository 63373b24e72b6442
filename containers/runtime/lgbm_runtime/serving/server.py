"""The command `serve`: open the listening socket and start the worker processes."""

from __future__ import annotations

import errno
import faulthandler
import gc
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lgbm_runtime import __version__
from lgbm_runtime.core.errors import ModelError
from lgbm_runtime.core.manifest import check_model
from lgbm_runtime.core.user_functions import find_program
from lgbm_runtime.cpu import available_cpus, workers_and_threads
from lgbm_runtime.environment import DEFAULT_PORT, MOST_WORKERS, PORT_VARIABLE, VariableError, number_in
from lgbm_runtime.paths import ContainerPaths
from lgbm_runtime.serving.supervisor import CANNOT_SERVE, Supervisor, WorkerPipes

if TYPE_CHECKING:
    from lgbm_runtime.core.predictor import Predictor
    from lgbm_runtime.core.user_code import InferenceCode

WORKERS_VARIABLE = "LGBM_RUNTIME_WORKERS"
_BACKLOG = 2048


class ServeError(Exception):
    """The server cannot start with these settings. The message gives the reason."""


def serve(
    paths: ContainerPaths, environment: Mapping[str, str], port: int | None = None, descriptor: int | None = None
) -> int:
    """Serve until SIGTERM or SIGINT. Return 0 after a signal and 1 after a failure.

    `descriptor` is an inherited listening socket. Without it, the server listens on all interfaces. The port is `port`,
    or SAGEMAKER_BIND_TO_PORT if `port` is None, or 8080 if neither is set.

    This process loads the model and then forks the workers, so they share the memory of the model. With user code, each
    worker loads the model itself, because the code may start threads, which do not survive a fork.
    """
    # after a crash in C code, print the Python stack to the log
    faulthandler.enable()
    model_path = paths.model_path
    try:
        listener = _listener(environment, port, descriptor)
        remark = check_model(model_path, environment)
        has_user_code = find_program(model_path, environment) is not None
        cpus = available_cpus()
        workers, threads = workers_and_threads(cpus, number_in(environment, WORKERS_VARIABLE, 1, MOST_WORKERS))
    except (ServeError, VariableError, ModelError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    # Without user code, each worker may use all processors for a large request: its threads sleep at other times.
    threads = threads if has_user_code else cpus
    # Libraries read these variables when they are loaded. One thread is best for them: while their threads wait for one
    # another, they use the processor.
    os.environ["OMP_NUM_THREADS"] = str(threads) if has_user_code else "1"
    os.environ["OPENBLAS_NUM_THREADS"] = "1"

    # imported before the fork, so that all workers share the memory of these modules
    from lgbm_runtime.core.native_code import native_code
    from lgbm_runtime.serving.acceptor import ConnectionCounts
    from lgbm_runtime.serving.worker import run_worker

    service = None if has_user_code else _loaded(model_path.absolute(), threads)
    if service is None and not has_user_code:
        return 1
    counts = ConnectionCounts(workers)

    def work(pipes: WorkerPipes) -> int:
        from lgbm_runtime.serving.app import App

        # The path is absolute because the user's code may change the current folder. It is computed here because a
        # local project may have been moved since the start.
        answering = service or _loaded(model_path.absolute(), threads)
        if answering is None:
            return CANNOT_SERVE
        run_worker(listener, App(answering, workers), counts, pipes)
        return 0

    host, bound_port = listener.getsockname()[:2]
    plural = "worker" if workers == 1 else "workers"
    address = f"{model_path.absolute()} on {host}:{bound_port} with {workers} {plural} x {threads} threads"
    if native_code() is None:
        address += ", without compiled code"
    # exclude existing objects from garbage collection, which would copy the memory pages that the workers share
    gc.collect()
    gc.freeze()
    announcement = f"lgbm_runtime {__version__} serving {address}"
    return Supervisor(work, workers, f"{announcement}\n{remark}" if remark else announcement).run()


def _loaded(model_path: Path, threads: int) -> Predictor | InferenceCode | None:
    """Load the model, make a test prediction, and return the service.

    If that fails, print the reason on stderr and return None.
    """
    from lgbm_runtime.core.lightgbm_library import LibraryError
    from lgbm_runtime.core.user_code import load_service

    try:
        service = load_service(model_path, os.environ, threads)
        service.prove()
    except (ModelError, LibraryError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return None
    return service


def _listener(environment: Mapping[str, str], port: int | None, descriptor: int | None) -> socket.socket:
    if descriptor is not None:
        try:
            inherited = socket.socket(fileno=descriptor)
        except OSError as error:
            raise ServeError(f"descriptor {descriptor} is not a socket: {error.strerror}") from error
        check_listener(inherited)
        return inherited
    if port is None:
        port = number_in(environment, PORT_VARIABLE, 0, 65535)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("0.0.0.0", DEFAULT_PORT if port is None else port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        raise ServeError(f"cannot listen on port {DEFAULT_PORT if port is None else port}: {error}") from error
    return listener


def check_listener(inherited: socket.socket) -> None:
    """Raise ServeError if the inherited descriptor is not a listening TCP socket."""
    try:
        listens = bool(inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError as error:
        # macOS defines the option but cannot read it
        if error.errno != errno.ENOPROTOOPT:
            raise ServeError(f"descriptor {inherited.fileno()} is not a socket: {error.strerror}") from error
        listens = True
    if not listens or inherited.family not in (socket.AF_INET, socket.AF_INET6):
        raise ServeError(f"descriptor {inherited.fileno()} is not a listening TCP socket")
