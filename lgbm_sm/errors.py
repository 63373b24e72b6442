"""The base class of errors, and the exit codes."""

import errno
from enum import IntEnum
from pathlib import Path
from typing import ClassVar, Self


class ExitCode(IntEnum):
    """The exit codes of a command. The command-line parser also uses 2.

    130 and 141 are the codes that shells report if SIGINT or SIGPIPE ends a program.
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
    """A problem that the user can fix. `message` describes the problem, and `hint` is the next step.

    Raise one of the subclasses below. Each has its own exit code. Any other exception is a bug and keeps its traceback.
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
    """A file in lgbm-sm's work folder cannot be written or removed, or does not belong to lgbm-sm."""

    exit_code = ExitCode.CONFIG

    @classmethod
    def of(cls, error: OSError, path: Path) -> Self:
        """Return the WorkFolderError for an OSError. If the OSError contains no path, the message contains `path`."""
        hint = STORAGE_HINTS.get(error.errno or 0, "check the folder and its permissions")
        return cls(f"failed to write {error.filename or path}: {error.strerror or error}", hint)


STORAGE_HINTS = {
    errno.ENOSPC: "free some space: `lgbm-sm cleanup` deletes jobs and endpoints of this project",
    errno.EDQUOT: "free some space: `lgbm-sm cleanup` deletes jobs and endpoints of this project",
    errno.EROFS: "work in a copy of the project on a writable file system",
}


class DataError(LgbmSmError):
    exit_code = ExitCode.DATA


class ImageError(LgbmSmError):
    exit_code = ExitCode.IMAGE


class EngineError(ImageError):
    """Docker does not answer, or has stopped answering."""


class AwsError(LgbmSmError):
    """AWS refuses a call or does not answer. `code` is AWS's error code, or "" if AWS did not answer."""

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
    """The reader of stdout has closed the pipe, as `head` does. No message is printed."""

    exit_code = ExitCode.BROKEN_PIPE
