"""The console script: the commands, and the one boundary for errors."""

import gc
import os
import signal
import sys
from typing import Any, NoReturn

from typer.exceptions import TyperException

from lgbm_sm.commands import (  # noqa: F401 - each registers its commands
    bench,
    cleanup,
    doctor,
    explain,
    lifecycle,
    policy,
    projects,
    status,
    verify,
)
from lgbm_sm.commands.app import app
from lgbm_sm.console import Console, OutputFormat
from lgbm_sm.errors import ExitCode, LgbmSmError, OutputClosedError


def _output_format(arguments: list[str]) -> OutputFormat:
    """The wanted form, known before the arguments are parsed, since errors in them are shown in it too."""
    joined = "\n".join(arguments)
    return OutputFormat.JSON if "--output=json" in arguments or "--output\njson" in joined else OutputFormat.TEXT


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def main() -> NoReturn:
    """The console script: one boundary for every error of ours; anything else is a bug and keeps its traceback."""
    signal.signal(signal.SIGTERM, _interrupt)  # what Ctrl-C stops and says, a CI system's stop should too
    console = Console(output=_output_format(sys.argv[1:]), verbose=False, environment=os.environ)
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False, prog_name="lgbm-sm")
    except OutputClosedError as error:
        code = error.exit_code
    except LgbmSmError as error:
        console.error(error)
        code = error.exit_code
    except TyperException as error:
        console.failure(error.format_message(), "`lgbm-sm --help`, or `lgbm-sm COMMAND --help`", ExitCode.USAGE)
        code = ExitCode.USAGE
    except KeyboardInterrupt:
        console.failure("interrupted", "", ExitCode.INTERRUPTED)
        code = ExitCode.INTERRUPTED
    # at its end Python looks through all that was imported for garbage: half a second, where that is SageMaker's SDK
    gc.freeze()
    sys.exit(code or ExitCode.OK)
