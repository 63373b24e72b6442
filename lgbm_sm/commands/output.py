"""Write predictions to stdout, to a file, or into the JSON document of a command's result."""

import contextlib
import json
import sys
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lgbm_sm.commands.first_and_last import FirstAndLast
from lgbm_sm.console import Console, OutputFormat
from lgbm_sm.errors import UsageError
from lgbm_sm.output_files import OutputFile, Protected


class Answer(contextlib.AbstractContextManager["Answer"]):
    """Takes the answers of an endpoint.

    An existing file is replaced only when all predictions have arrived (see OutputFile). A terminal gets only the first
    and the last lines; `hint` says how to get all of them.
    """

    def __init__(
        self,
        console: Console,
        accept: str | None = None,
        to: Path | None = None,
        protected: Collection[Protected] = (),
        hint: str = "redirect the output to a file to get them all",
    ) -> None:
        self._console = console
        self._collects = console.output is OutputFormat.JSON and to is None
        if self._collects and accept not in (None, "application/json"):
            raise UsageError(f"--output json shows predictions as JSON, not as {accept}", "add --to PATH")
        self.accept = accept or ("application/json" if self._collects else "text/csv")
        self.path = to
        self._file = OutputFile("--to", to, protected) if to else None
        self._chunks: list[bytes] = []
        is_shortened = not to and not self._collects and sys.stdout.isatty()
        self._shortened = FirstAndLast(console.write, hint) if is_shortened else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file:
            self._file.__exit__(kind, error, traceback)
        if self._shortened:
            self._shortened.close()
        if not self._file and kind is None:
            self._console.write(b"")  # removes the progress line; no message may follow it

    def write(self, chunk: bytes) -> None:
        """Write the next part of the answer, or keep it for the JSON document."""
        if self._file:
            self._file.write(chunk)
        elif self._collects:
            self._chunks.append(chunk)
        elif self._shortened:
            self._shortened.write(chunk)
        else:
            self._console.write(chunk)

    def predictions(self) -> list[Any] | None:
        """The predictions for the JSON document, or None if they were written elsewhere."""
        return json.loads(b"".join(self._chunks))["predictions"] if self._collects else None
