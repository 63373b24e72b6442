"""The errors that the program reports, and the answer to an unexpected error."""

from __future__ import annotations

import os
import sys
from typing import Any


class SchemaError(ValueError):
    """The schema in schema.json or metadata.json is not valid. The message names the field."""


class ModelError(Exception):
    """The model cannot be served. The message names the file. It is for the endpoint's log."""


class InvocationError(Exception):
    """A request is invalid. The message is for the client.

    `status` is the HTTP status (400, 406, 413, 415 …). `row` is the number of the wrong record. The first record has
    the number 1. The header does not count. `column` is the name of the wrong feature. Both may be None.
    """

    def __init__(self, status: int, message: str, row: int | None = None, column: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.row = row
        self.column = column

    def to_json(self) -> dict[str, Any]:
        """Return the body of the answer. It has a row and a column only if they are known."""
        error: dict[str, Any] = {"status": self.status, "message": self.message}
        if self.row is not None:
            error["row"] = self.row
        if self.column is not None:
            error["column"] = self.column
        return {"error": error}


def unexpected_error(trace: str, status: int = 500) -> InvocationError:
    """Write the traceback of a bug to the log, and return the error for the client.

    The error and the log entry contain the same random reference.
    """
    reference = os.urandom(6).hex()
    print(f"unexpected error {reference}:\n{trace}", file=sys.stderr, flush=True)
    return InvocationError(status, f"internal error; the server's log shows the cause under the reference {reference}")
