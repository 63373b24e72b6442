"""Errors that the program reports to its caller, and the answer for all others."""

from __future__ import annotations

import os
import sys
from typing import Any


class SchemaError(ValueError):
    """schema.json, or its copy in metadata.json, is not valid.

    The message names the field.
    """


class ModelError(Exception):
    """The model cannot be served; the message is for the endpoint's log and names the file."""


class InvocationError(Exception):
    """A request that cannot be answered.

    `status` is the HTTP status (400, 406, 413, 415 …). `row` counts the request's records from 1, without the header;
    `column` is a feature's name. The message is for the client, and names both if they are known.
    """

    def __init__(self, status: int, message: str, row: int | None = None, column: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.row = row
        self.column = column

    def to_json(self) -> dict[str, Any]:
        """Return the body of the answer; row and column only if they are known."""
        error: dict[str, Any] = {"status": self.status, "message": self.message}
        if self.row is not None:
            error["row"] = self.row
        if self.column is not None:
            error["column"] = self.column
        return {"error": error}


def unexpected_error(trace: str, status: int = 500) -> InvocationError:
    """Log the traceback of a bug, and return the error for the client.

    A reference connects the error with the log entry.
    """
    reference = os.urandom(6).hex()
    print(f"unexpected error {reference}:\n{trace}", file=sys.stderr, flush=True)
    return InvocationError(status, f"internal error; the server's log shows the cause under the reference {reference}")
