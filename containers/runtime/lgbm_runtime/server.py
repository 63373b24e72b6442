"""`serve`: takes the socket, and has worker processes answer on it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

from lgbm_runtime import __version__
from lgbm_runtime.cpu import available_cpus, workers_and_threads
from lgbm_runtime.paths import ContainerPaths
from lgbm_runtime.supervisor import Supervisor, WorkerPipes

DEFAULT_PORT = 8080
PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
WORKERS_VARIABLE = "LGBM_RUNTIME_WORKERS"
_MOST_WORKERS = 256
_BACKLOG = 2048


class ServeError(Exception):
    """The server cannot be started as it was asked to; the message says why."""


def serve(
    paths: ContainerPaths, environment: Mapping[str, str], port: int | None = None, descriptor: int | None = None
) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code: 0 after a signal, 1 after a failure.

    `descriptor` is an inherited listening socket; without it, `port` on all interfaces, else that of the environment,
    else 8080. This process loads neither numpy nor LightGBM: the workers are forked from it.
    """
    try:
        listener = _listener(environment, port, descriptor)
        workers, threads = workers_and_threads(available_cpus(), _worker_count(environment))
    except ServeError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    # Both libraries read them when they are loaded; threads that wait for one another cost more than they compute.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"

    def work(pipes: WorkerPipes) -> int:
        from lgbm_runtime.worker import run_worker

        return run_worker(listener, paths.model_path, threads, workers, pipes)

    host, bound_port = listener.getsockname()[:2]
    plural = "worker" if workers == 1 else "workers"
    place = f"{paths.model_path} on {host}:{bound_port} with {workers} {plural} x {threads} threads"
    return Supervisor(work, workers, f"lgbm_runtime {__version__} serving {place}").run()


def _listener(environment: Mapping[str, str], port: int | None, descriptor: int | None) -> socket.socket:
    if descriptor is not None:
        try:
            inherited = socket.socket(fileno=descriptor)
            listens = inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise ServeError(f"descriptor {descriptor} is no socket: {error.strerror}") from error
        if not listens or inherited.family not in (socket.AF_INET, socket.AF_INET6):
            raise ServeError(f"descriptor {descriptor} is no listening TCP socket")
        return inherited
    if port is None:
        port = _number(environment, PORT_VARIABLE, 0, 65535)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("0.0.0.0", DEFAULT_PORT if port is None else port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        raise ServeError(f"cannot listen on port {DEFAULT_PORT if port is None else port}: {error}") from error
    return listener


def _worker_count(environment: Mapping[str, str]) -> int | None:
    return _number(environment, WORKERS_VARIABLE, 1, _MOST_WORKERS)


def _number(environment: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    value = environment.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise ServeError(f"{name} is {value!r}, not a number from {least} to {most}")
    return int(value)
