"""Split rows into batches that are small enough for one request, in the order of the rows."""

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.table_header import MISSING_TEXTS

# SageMaker allows 6,291,456 bytes per request and per answer, and some answers are several times larger than the rows
BATCH_BYTES = 1024 * 1024
# the content types for one JSON document per line
JSON_LINES_TYPES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl")

# the end of a line, if the next line is blank or begins with white space
_BEFORE_BLANKS = re.compile(rb"\n[\n\r \t\v\f]")
# the rest of a block, 1/64, is for the end of its last line
_SHARE_OF_A_LINE = 64


@dataclass(frozen=True)
class Batch:
    """The body of one request, with `rows` rows.

    `first_row` is the number of its first row in the input, from 1.
    """

    body: bytes
    first_row: int
    rows: int


def csv_batches(stream: IO[bytes], feature_names: Collection[str], maximum_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Yield batches of CSV records. Each batch repeats the header, if there is one.

    Blank lines are skipped.

    Raises:
        DataError: one row alone is larger than `maximum_bytes`.
    """
    first = next(csv_records(stream), None)
    if first is None:
        return
    header = first if is_header(first, feature_names) else b""
    yield from _cut(stream, b"" if header else first, maximum_bytes, header, csv_records)


def json_lines_batches(stream: IO[bytes], maximum_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Yield batches of JSON Lines. Blank lines are skipped.

    Raises:
        DataError: one line alone is larger than `maximum_bytes`.
    """
    yield from _cut(stream, b"", maximum_bytes, b"", lines_with_content)


def json_batches(stream: IO[bytes], maximum_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Yield batches of a JSON document.

    The document is `{"instances": rows}`, a list of rows or records, one row or one record. A document that is small
    enough is sent unchanged.

    Raises:
        DataError: the document is not JSON, or one row alone is larger than `maximum_bytes`.
    """
    body = stream.read()
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the input is not JSON: {error}", "pass --content-type for another format") from error
    rows = json_rows(document)
    if len(body) <= maximum_bytes:
        yield Batch(body, 1, len(rows))
        return
    for batch in _gather((json.dumps(row).encode() + b"\n" for row in rows), maximum_bytes - 2):
        yield Batch(b"[" + b",".join(batch.body.splitlines()) + b"]", batch.first_row, batch.rows)


def json_rows(document: Any) -> list[Any]:
    """Return the rows of a JSON document. `json_batches` describes the document."""
    if isinstance(document, dict):
        if "instances" not in document:
            return [document]
        document = document["instances"]
    if isinstance(document, list) and document and not isinstance(document[0], list | dict):
        return [document]
    return document if isinstance(document, list) else [document]


def _gather(records: Iterator[bytes], maximum_bytes: int, header: bytes = b"", first_row: int = 1) -> Iterator[Batch]:
    body, rows = bytearray(header), 0
    for record in records:
        if len(header) + len(record) > maximum_bytes:
            raise DataError(
                f"row {first_row + rows} has {len(record):,} bytes; one request can have {maximum_bytes:,}",
                "check the file's line ends and quotes",
            )
        if len(body) + len(record) > maximum_bytes:
            yield Batch(bytes(body), first_row, rows)
            body, rows, first_row = bytearray(header), 0, first_row + rows
        body += record
        if not record.endswith(b"\n"):
            body += b"\n"
        rows += 1
    if rows:
        yield Batch(bytes(body), first_row, rows)


def _cut(
    stream: IO[bytes],
    first: bytes,
    maximum_bytes: int,
    header: bytes,
    records_of: Callable[[Iterable[bytes]], Iterator[bytes]],
) -> Iterator[Batch]:
    """Split `first` and the rest of the stream into batches of whole records.

    A block without quotes and without blank lines is not parsed, to save time.
    """
    first_row = 1
    has_quotes = records_of is csv_records
    blocks = _Blocks(stream, first, maximum_bytes - len(header), has_quotes=has_quotes)
    for block in blocks:
        body, rows = block, None if has_quotes and b'"' in block else _count_lines(block)
        if rows is None:
            records = [_ended(record) for record in records_of(io.BytesIO(block))]
            body, rows = b"".join(records), len(records)
        if rows:
            yield Batch(header + body, first_row, rows)
            first_row += rows
    # the next record is larger than a request: this call reports it with its length
    yield from _gather(records_of(_lines_after(blocks.rest, stream)), maximum_bytes, header, first_row)


class _Blocks:
    """Yields blocks of whole records. Each block is as large as possible.

    The iteration stops at a record that is too large. Then `rest` has the beginning of that record.
    """

    def __init__(self, stream: IO[bytes], rest: bytes, maximum_bytes: int, *, has_quotes: bool) -> None:
        self.rest = rest
        self._stream = stream
        self._maximum_bytes = maximum_bytes
        self._has_quotes = has_quotes

    def __iter__(self) -> Iterator[bytes]:
        filled = max(0, self._maximum_bytes - self._maximum_bytes // _SHARE_OF_A_LINE)
        at_end = False
        while not at_end:
            block = self.rest + self._stream.read(max(0, filled - len(self.rest)))
            at_end = len(block) < filled
            if not at_end:
                # complete the last line: to cut the block at the end of a line would copy it
                block += self._stream.readline(max(0, self._maximum_bytes - len(block)))
            end = len(block) if at_end else _end_of_records(block, quoted=self._has_quotes and b'"' in block)
            self.rest = block
            if len(block) > self._maximum_bytes or not end:
                return
            self.rest = block[end:]
            yield _ended(block[:end])


def _ended(records: bytes) -> bytes:
    """Return the records. Add a line end after the last record if it is missing."""
    return records if records.endswith(b"\n") or not records else records + b"\n"


def _end_of_records(block: bytes, *, quoted: bool) -> int:
    """Return the end of the last whole record, or 0 if there is none.

    A line end between quotes does not end a record.
    """
    end = block.rfind(b"\n") + 1
    while quoted and end and block.count(b'"', 0, end) % 2:
        end = block.rfind(b"\n", 0, end - 1) + 1
    return end


def _count_lines(block: bytes) -> int | None:
    """Return the number of lines, or None if a line may be blank."""
    if block[:1].isspace() or _BEFORE_BLANKS.search(block):
        return None
    return block.count(b"\n")


def _lines_after(block: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of `block`, which was already read, and then the lines of the stream."""
    for line in io.BytesIO(block):
        yield line if line.endswith(b"\n") else line + stream.readline()
    yield from stream


def lines_with_content(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines that are not blank."""
    return (line for line in lines if line.strip())


def csv_records(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the records that are not blank.

    After an odd number of quotes, a line ends inside a quoted cell. Then the next line belongs to the same record.
    """
    record = b""
    for line in lines:
        record += line
        if record.count(b'"') % 2:
            continue
        if record.strip():
            yield record
        record = b""
    if record.strip():
        yield record


def is_header(record: bytes, feature_names: Collection[str]) -> bool:
    """Return whether the first record is a header.

    It is a header if at least one cell is the name of a feature and no cell is a number or missing. The server uses the
    same rule.
    """
    text = record.decode("utf-8-sig", errors="replace")
    cells = next(csv.reader(io.StringIO(text)), [])
    return any(cell in feature_names for cell in cells) and not any(is_number_or_missing(cell) for cell in cells)


def is_number_or_missing(cell: str) -> bool:
    if cell.strip() in MISSING_TEXTS:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True
