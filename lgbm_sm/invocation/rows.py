"""The rows to send, with what belongs to them: their format, the columns to keep, and their labels."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from lgbm_sm.invocation.model_table import ModelTable
from lgbm_sm.preparation.csv_text import csv_blocks

if TYPE_CHECKING:
    import pyarrow as pa

_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class Rows:
    """Rows in a content type.

    `kept` has the columns that are written before the predictions, and `labels` the known target values. Both have an
    entry for each row, or are None. `are_test_rows`: prepare-data has split the rows off the table.
    """

    stream: IO[bytes]
    content_type: str
    kept: "pa.Table | None" = None
    labels: Sequence[str | None] | None = None
    are_test_rows: bool = False


def rows_of(table: ModelTable) -> Rows:
    """Return the rows of a table as the CSV that the server reads fastest."""
    return Rows(stream_of(csv_blocks(table.features)), "text/csv; header=absent", table.kept, table.labels)


def stream_of(blocks: "Iterable[bytes | pa.Buffer]") -> IO[bytes]:
    """Return blocks of bytes as a stream that is read once."""
    return io.BufferedReader(_Blocks(iter(blocks)), _BUFFER_BYTES)


class _Blocks(io.RawIOBase):
    def __init__(self, blocks: "Iterator[bytes | pa.Buffer]") -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what BufferedReader passes
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block).cast("B")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
