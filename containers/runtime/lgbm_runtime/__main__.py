"""The program in the image: `python -m lgbm_runtime train` or `… serve`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run the command. Return the exit code."""
    if arguments[:1] == ["serve"]:
        # process 1 ignores a signal without a handler, so set the handlers before the slow imports
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end_at_once)

    import argparse
    from pathlib import Path

    from lgbm_runtime import __version__
    from lgbm_runtime.paths import DEFAULT_ROOT, ContainerPaths

    parser = argparse.ArgumentParser(prog="lgbm_runtime", description="Train or serve a LightGBM model.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    train_parser = commands.add_parser("train", help="train on the channels and write the model artifact")
    serve_parser = commands.add_parser("serve", help="serve the model artifact at /ping and /invocations")
    for command_parser in (train_parser, serve_parser):
        command_parser.add_argument(
            "--root", type=Path, default=DEFAULT_ROOT, help="folder with input, model and output (%(default)s)"
        )
    listener = serve_parser.add_mutually_exclusive_group()
    listener.add_argument("--port", type=int, help="TCP port (SAGEMAKER_BIND_TO_PORT, or 8080)")
    listener.add_argument("--fd", type=int, help="descriptor of an inherited listening socket")
    options = parser.parse_args(arguments)
    paths = ContainerPaths(options.root)
    if options.command == "train":
        from lgbm_runtime.training.program import train

        return train(paths)
    from lgbm_runtime.serving.server import serve

    return serve(paths, os.environ, port=options.port, descriptor=options.fd)


def _end_at_once(*_: object) -> None:
    # nothing is running yet that must be finished
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
