"""Cuts a request body into batches that stay below the payload limit, in order, no row lost or doubled."""

import csv
import io
import json
from collections.abc import Collection, Iterator
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


@dataclass(frozen=True)
class Batch:
    """Rows `first_row` (1-based) to `first_row + rows - 1` of the input, as one request body."""

    body: bytes
    first_row: int
    rows: int


def csv_batches(stream: IO[bytes], feature_names: Collection[str], maximum_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Batches of CSV records; a header is repeated in each. Blank lines are no rows.

    The first record is a header when one of its cells is a feature name and none is a number or missing: the
    rule by which the server knows one.

    Raises:
        DataError: one row alone is larger than `maximum_bytes`.
    """
    records = _csv_records(stream)
    header = b""
    first = next(records, None)
    if first is None:
        return
    if _is_header(first, feature_names):
        header = first
    else:
        records = _chain(first, records)
    yield from _gather(records, maximum_bytes, header)


def json_lines_batches(stream: IO[bytes], maximum_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Batches of JSON Lines; blank lines are no rows. Raises DataError when one line is too large."""
    yield from _gather((line for line in stream if line.strip()), maximum_bytes)


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
    rows = _json_rows(document)
    if len(body) <= maximum_bytes:
        yield Batch(body, 1, len(rows))
        return
    for batch in _gather((json.dumps(row).encode() + b"\n" for row in rows), maximum_bytes - 2):
        yield Batch(b"[" + b",".join(batch.body.splitlines()) + b"]", batch.first_row, batch.rows)


def _json_rows(document: Any) -> list[Any]:
    if isinstance(document, dict):
        if "instances" not in document:
            return [document]
        document = document["instances"]
    if isinstance(document, list) and document and not isinstance(document[0], list | dict):
        return [document]
    return document if isinstance(document, list) else [document]


def _gather(records: Iterator[bytes], maximum_bytes: int, header: bytes = b"") -> Iterator[Batch]:
    body, rows, first_row = bytearray(header), 0, 1
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


def _csv_records(stream: IO[bytes]) -> Iterator[bytes]:
    """Physical lines, joined where a quoted cell holds a line end: its quotes are then odd in number."""
    record = b""
    for line in stream:
        record += line
        if record.count(b'"') % 2:
            continue
        if record.strip():
            yield record
        record = b""
    if record.strip():
        yield record


def _is_header(record: bytes, feature_names: Collection[str]) -> bool:
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


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
