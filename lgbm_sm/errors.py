"""The one error base and the one table of exit codes."""

import errno
from enum import IntEnum
from pathlib import Path
from typing import ClassVar, Self


class ExitCode(IntEnum):
    """What a command's exit status means. 2 is also what the command-line parser itself returns.

    130 and 141 are what a shell reports for a program that SIGINT and SIGPIPE end.
    """

    OK = 0
    BUG = 1
    USAGE = 2
    CONFIG = 3
    DATA = 4
    IMAGE = 5
    AWS = 6
    TRAINING = 7
    ENDPOINT = 8
    INVOCATION = 9
    TIMED_OUT = 10
    LEFT_OVER = 11
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class LgbmSmError(Exception):
    """Something the user can mend: `message` says what and where, `hint` what to do next.

    Raised as one of the subclasses below, which differ only in their exit code. Whatever else
    escapes from a command is a bug and keeps its traceback.
    """

    exit_code: ClassVar[ExitCode]

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LgbmSmError):
    exit_code = ExitCode.USAGE


class ConfigError(LgbmSmError):
    exit_code = ExitCode.CONFIG


class RecordError(LgbmSmError):
    exit_code = ExitCode.CONFIG


class WorkFolderError(LgbmSmError):
    """What lgbm-sm keeps beside config.yaml cannot be written or removed, or is not its own."""

    exit_code = ExitCode.CONFIG

    @classmethod
    def of(cls, error: OSError, path: Path) -> Self:
        """What the system says of a file or folder: `path`, if the error names none."""
        hint = STORAGE_HINTS.get(error.errno or 0, "check the folder and its permissions")
        return cls(f"{error.filename or path} cannot be written: {error.strerror or error}", hint)


STORAGE_HINTS = {
    errno.ENOSPC: "free some space: `lgbm-sm cleanup` deletes jobs and endpoints of this project",
    errno.EDQUOT: "free some space: `lgbm-sm cleanup` deletes jobs and endpoints of this project",
    errno.EROFS: "work in a copy of the project on a file system that can be written",
}


class DataError(LgbmSmError):
    exit_code = ExitCode.DATA


class ImageError(LgbmSmError):
    exit_code = ExitCode.IMAGE


class EngineError(ImageError):
    """No Docker engine answers, or it has stopped answering."""


class AwsError(LgbmSmError):
    """AWS refuses a call, or does not answer; `code` is AWS's own, empty where there was no answer."""

    exit_code = ExitCode.AWS

    def __init__(self, message: str, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


class TrainingError(LgbmSmError):
    exit_code = ExitCode.TRAINING


class EndpointError(LgbmSmError):
    exit_code = ExitCode.ENDPOINT


class InvocationError(LgbmSmError):
    exit_code = ExitCode.INVOCATION


class TimedOutError(LgbmSmError):
    exit_code = ExitCode.TIMED_OUT


class LeftOverError(LgbmSmError):
    exit_code = ExitCode.LEFT_OVER


class OutputClosedError(LgbmSmError):
    """The reader of stdout has gone, as `head` does when it has seen enough: nothing to say, nobody to say it to."""

    exit_code = ExitCode.BROKEN_PIPE
