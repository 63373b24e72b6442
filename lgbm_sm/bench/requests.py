"""Request bodies of real rows, sent in turn."""

import itertools
import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any

from lgbm_sm.errors import DataError
from lgbm_sm.invocation.batches import JSON_LINES_TYPES, csv_records, is_header, json_rows, lines_with_content

MOST_ROWS = 100_000  # of the input; more rows would not vary the load further
MOST_BYTES = 64 * 1024 * 1024  # limit of the input, and of all bodies together


@dataclass(frozen=True)
class Load:
    """Request bodies of `rows` rows each, made from `distinct_rows` rows."""

    bodies: Sequence[bytes]
    rows: int
    distinct_rows: int
    content_type: str


def cut_requests(
    stream: IO[bytes], content_type: str, rows: int, feature_names: Collection[str] = (), most_bytes: int = MOST_BYTES
) -> Load:
    """Cut bodies of `rows` rows each from the first rows of a CSV, JSON Lines or JSON input.

    The bodies use the rows in order, and continue with the first after the last, so each has `rows` rows even if the
    input has fewer. A CSV header is repeated in each body. An input of another content type becomes one request of one
    row.

    Raises:
        DataError: the input has no row, or is not valid JSON.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    before, between, after = b"", b"", b""
    if media_type == "text/csv":
        records = _first(csv_records(stream), most_bytes)
        if records and is_header(records[0], feature_names):
            before = _ended(records.pop(0))
        records = [_ended(record) for record in records]
    elif media_type in JSON_LINES_TYPES:
        records = [_ended(line) for line in _first(lines_with_content(stream), most_bytes)]
    elif media_type == "application/json":
        before, between, after = b'{"instances": [', b", ", b"]}"
        records = [json.dumps(row).encode() for row in _json_rows(stream.read())[:MOST_ROWS]]
    else:
        records, rows = [body for body in [stream.read()] if body], 1
    if not records:
        raise DataError("the input has no row", "pass a file with at least one row of features")
    # after so many bodies, the first one would repeat
    count = len(records) // math.gcd(len(records), rows)
    mean_bytes = sum(map(len, records)) / len(records) * rows
    count = max(1, min(count, int(most_bytes / mean_bytes)))
    endless = itertools.cycle(records)
    bodies = [before + between.join(itertools.islice(endless, rows)) + after for _ in range(count)]
    return Load(bodies, rows, min(len(records), count * rows), content_type)


def _first(records: Iterable[bytes], most_bytes: int) -> list[bytes]:
    """Return the first records, within the limits of rows and bytes."""
    taken: list[bytes] = []
    for record in itertools.islice(records, MOST_ROWS + 1):  # one may be a header
        taken.append(record)
        most_bytes -= len(record)
        if most_bytes <= 0:
            break
    return taken


def _ended(record: bytes) -> bytes:
    return record if record.endswith(b"\n") else record + b"\n"


def _json_rows(body: bytes) -> list[Any]:
    try:
        return json_rows(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise DataError(f"the input is not JSON: {error}", "pass --content-type for another format") from error
