"""The console script, which runs a command and reports its errors."""

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
    stop,
    verify,
)
from lgbm_sm.commands.app import app
from lgbm_sm.commands.options import output_format
from lgbm_sm.console import Console, is_closed
from lgbm_sm.errors import ExitCode, LgbmSmError, OutputClosedError


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run a command and report an LgbmSmError. Any other exception keeps its traceback."""
    signal.signal(signal.SIGTERM, _interrupt)  # a CI system's stop should do what Ctrl-C does
    console = Console(output=output_format(sys.argv[1:]), verbose=False, environment=os.environ)
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
    except SystemExit as left:
        # Typer ends the program so at any broken pipe, with the exit code of a bug
        if not is_closed(sys.stdout):
            raise left.__context__ or left from None
        code = ExitCode.BROKEN_PIPE
    except KeyboardInterrupt:
        console.failure("interrupted", "", ExitCode.INTERRUPTED)
        code = ExitCode.INTERRUPTED
    # At exit Python searches everything that was imported for garbage: half a second if that is the SageMaker SDK.
    gc.freeze()
    sys.exit(code or ExitCode.OK)
