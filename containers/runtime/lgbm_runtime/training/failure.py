"""Report why a training job failed.

The reason goes to stderr and to a file. SageMaker copies the file's text to the job's FailureReason.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

# "FailureReason": DescribeTrainingJob keeps the file's first 1,024 characters.
REASON_LIMIT = 1024


class TrainingError(Exception):
    """The input of the job is wrong. The message gives the reason in one sentence."""


def one_line(text: str) -> str:
    """Return the text as one line. If it is longer than REASON_LIMIT, cut it and add `...`."""
    line = " ".join(text.split())
    return line if len(line) <= REASON_LIMIT else line[: REASON_LIMIT - 3] + "..."


def report_failure(error: BaseException, failure_path: Path) -> None:
    """Write the reason to stderr and to `failure_path`.

    An error that is not a TrainingError is unexpected. Then the reason begins with the class of the error, and the file
    also contains the traceback. The caller raises the error again, so that the traceback also reaches stderr.

    If the file cannot be written, print a warning on stderr. An exception would hide the reason.
    """
    if isinstance(error, TrainingError):
        reason, details = one_line(str(error)), ""
    else:
        reason = one_line(f"{type(error).__name__}: {error}")
        details = "\n" + "".join(traceback.format_exception(type(error), error, error.__traceback__))
    print(f"error: {reason}", file=sys.stderr, flush=True)
    try:
        failure_path.parent.mkdir(parents=True, exist_ok=True)
        failure_path.write_text(f"{reason}\n{details}", encoding="utf-8", errors="backslashreplace")
    except OSError as failed:
        print(f"warning: cannot write {failure_path}: {failed.strerror}", file=sys.stderr, flush=True)
