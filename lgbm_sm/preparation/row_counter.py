"""Report how many rows of a table have been read."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

ReportStatus = Callable[[str], None]
"""Receives a text about what is being done now."""


def no_status(_: str) -> None:
    """Ignore the text."""


class RowCounter(io.RawIOBase):
    """Passes on the blocks of a CSV file, and reports the number of rows so far.

    Arrow reads blocks of many rows, so this takes little time. A line break in a quoted cell counts as a row too.
    """

    def __init__(self, stream: "pa.NativeFile", name: str, report: ReportStatus) -> None:
        super().__init__()
        self._stream = stream
        self._name = name
        self._report = report
        self._rows = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._rows:
            self._report(f"{self._name}: {self._rows:,} rows so far")
        block: bytes = self._stream.read(size if size >= 0 else None)
        self._rows += block.count(b"\n")
        return block
