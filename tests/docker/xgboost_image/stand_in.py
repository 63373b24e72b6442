"""The server of a stand-in for AWS's XGBoost image: nginx, gunicorn, and the user's code.

Most of it is sagemaker-containers from PyPI, as in AWS's images. It needs Python 3.8.
"""

from __future__ import annotations

import collections
import collections.abc
import functools
import importlib
import os
from typing import Any

# sagemaker-containers asks for the name that Python 3.10 has no more
collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]

from sagemaker_containers.beta.framework import (  # type: ignore[import-not-found] # noqa: E402
    env,
    modules,
    server,
    transformer,
    worker,
)

FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")


def serve() -> None:
    """Install the user's code, then serve until SIGTERM. If that fails, end with exit code 1."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    server.start("stand_in:application")


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """The WSGI application for gunicorn.

    After a failed load, the next request loads the model again.
    """
    return _loaded()(environ, start_response)


@functools.lru_cache(maxsize=1)
def _loaded() -> Any:
    settings = env.ServingEnv()
    if os.environ["STAND_IN_INSTALLS_IN_WORKERS"] == "yes":
        module = modules.import_module(settings.module_dir, settings.module_name)
    else:
        module = importlib.import_module(settings.module_name)
    functions = {name: getattr(module, name) for name in FUNCTIONS if hasattr(module, name)}
    # refuses transform_fn beside the functions whose place it takes
    code = transformer.Transformer(**functions)
    code.initialize()
    return worker.Worker(transform_fn=code.transform, module_name=settings.module_name)
