"""Cuts a request body into batches that stay below the payload limit, in order, no row lost or doubled."""

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from lgbm_sm.errors import DataError

BATCH_BYTES = (
    1024 * 1024
)  # of 6,291,456 that an invocation may have: some answers are several times larger than the rows

# what the server, and pandas' read_csv, take for a missing cell
# fmt: off
_MISSING = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
})
# fmt: on
_BLANKS = (b"\r", b" ", b"\t", b"\v", b"\f")
# what a line end is followed by where a line is blank, or begins with white space
_BEFORE_BLANKS = re.compile(rb"\n[\n\r \t\v\f]")
# this part of a block is kept free for the end of its last line
_SHARE_OF_A_LINE = 64
# so many blocks take as long without numpy as numpy takes to be imported
_BLOCKS_BEFORE_NUMPY = 64


@dataclass(frozen=True)
class Batch:
    """Rows `first_row` (1-based) to `first_row + rows - 1` of the input, as one request body."""

    body: bytes
    first_row: int
    rows: int


def csv_batches(stream: IO[bytes], feature_names: Collection[str], maximum_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Batches of CSV records; a header is repeated in each. Blank lines are no rows.

    Raises:
        DataError: one row alone is larger than `maximum_bytes`.
    """
    first = next(csv_records(stream), None)
    if first is None:
        return
    header = first if is_header(first, feature_names) else b""
    yield from _cut(stream, b"" if header else first, maximum_bytes, header, csv_records)


def json_lines_batches(stream: IO[bytes], maximum_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Batches of JSON Lines; blank lines are no rows. Raises DataError when one line is too large."""
    yield from _cut(stream, b"", maximum_bytes, b"", lines_with_content)


def json_batches(stream: IO[bytes], maximum_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Batches of a JSON document: `{"instances": rows}`, a list of rows or records, one row or one record.

    A document below the limit is sent as it is.

    Raises:
        DataError: the document is no JSON, or one row alone is larger than `maximum_bytes`.
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
    """The rows of a JSON document: see json_batches."""
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
                f"row {first_row + rows} has {len(record):,} bytes, more than the {maximum_bytes:,} of one request",
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
    block: bytes,
    maximum_bytes: int,
    header: bytes,
    records_of: Callable[[Iterable[bytes]], Iterator[bytes]],
) -> Iterator[Batch]:
    """Cut what follows `block` in blocks of whole records; only blocks that need it are looked at record by record."""
    first_row = 1
    count_lines: Callable[[bytes], int | None] = _count_lines
    for number in itertools.count():
        if number == _BLOCKS_BEFORE_NUMPY:
            count_lines = _numpy_line_counter(maximum_bytes)
        filled = maximum_bytes - len(header) - maximum_bytes // _SHARE_OF_A_LINE
        block += stream.read(max(0, filled - len(block)))
        at_end = len(block) < filled
        if not at_end:
            # what ends with a line need not be cut, which would be a copy
            block += stream.readline(maximum_bytes - len(header) - len(block))
        quoted = records_of is csv_records and b'"' in block
        end = len(block) if at_end else _end_of_records(block, quoted=quoted)
        if len(header) + len(block) > maximum_bytes or not end:
            # one record is larger: told by the way that knows its length
            yield from _gather(records_of(_lines_after(block, stream)), maximum_bytes, header, first_row)
            return
        whole, block = block[:end], block[end:]
        whole = whole if whole.endswith(b"\n") or not whole else whole + b"\n"
        rows = None if quoted else count_lines(whole)
        if rows is None:
            records = [record if record.endswith(b"\n") else record + b"\n" for record in records_of(io.BytesIO(whole))]
            whole, rows = b"".join(records), len(records)
        if rows:
            yield Batch(header + whole, first_row, rows)
            first_row += rows
        if at_end:
            return


def _end_of_records(block: bytes, *, quoted: bool) -> int:
    """Where the last whole record ends; 0 where none does. A line end between quotes is part of a cell."""
    end = block.rfind(b"\n") + 1
    while quoted and end and block.count(b'"', 0, end) % 2:
        end = block.rfind(b"\n", 0, end - 1) + 1
    return end


def _count_lines(block: bytes) -> int | None:
    """The number of whole lines; None where one of them may be blank."""
    if block[:1].isspace() or _BEFORE_BLANKS.search(block):
        return None
    return block.count(b"\n")


def _numpy_line_counter(maximum_bytes: int) -> Callable[[bytes], int | None]:
    """`_count_lines` in a quarter of the time."""
    import numpy as np

    # memory that is asked for and given back each time would take longer than the rest
    ends, pairs = np.empty(maximum_bytes + 1, np.bool_), np.empty(maximum_bytes, np.bool_)

    def count_lines(block: bytes) -> int | None:
        is_end = np.equal(np.frombuffer(block, np.uint8), ord("\n"), out=ends[: len(block)])
        is_pair = np.logical_and(is_end[1:], is_end[:-1], out=pairs[: len(block) - 1])
        # count_nonzero is twenty times as fast as any()
        if np.count_nonzero(is_pair) or any(blank in block for blank in _BLANKS):
            return _count_lines(block)
        return None if block.startswith(b"\n") else int(np.count_nonzero(is_end))

    return count_lines


def _lines_after(block: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream of which `block` has been read already."""
    for line in io.BytesIO(block):
        yield line if line.endswith(b"\n") else line + stream.readline()
    yield from stream


def lines_with_content(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines that are not blank."""
    return (line for line in lines if line.strip())


def csv_records(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Records that are not blank: physical lines, joined where a quoted cell holds a line end.

    Its quotes are then odd in number.
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
    """Whether a first record names columns: one of its cells is a feature name, and none is a number or missing.

    It is the rule by which the server knows a header.
    """
    text = record.decode("utf-8-sig", errors="replace")
    cells = next(csv.reader(io.StringIO(text)), [])
    return any(cell in feature_names for cell in cells) and not any(_is_number_or_missing(cell) for cell in cells)


def _is_number_or_missing(cell: str) -> bool:
    if cell.strip() in _MISSING:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True
