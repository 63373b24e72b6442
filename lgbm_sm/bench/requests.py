"""Request bodies that contain real rows."""

import itertools
import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any

from lgbm_sm.errors import DataError
from lgbm_sm.invocation.batches import JSON_LINES_TYPES, csv_records, is_header, json_rows, lines_with_content

MOST_ROWS = 100_000  # the most rows that are read from the input; more rows would not make the load more varied
MOST_BYTES = 64 * 1024 * 1024  # the limit for the input, and also for the sum of all bodies


@dataclass(frozen=True)
class Load:
    """Request bodies with `rows` rows each. Together they contain `distinct_rows` different rows."""

    bodies: Sequence[bytes]
    rows: int
    distinct_rows: int
    content_type: str


def cut_requests(
    stream: IO[bytes], content_type: str, rows: int, feature_names: Collection[str] = (), most_bytes: int = MOST_BYTES
) -> Load:
    """Make bodies with `rows` rows each from the first rows of a CSV, JSON Lines or JSON input.

    The bodies use the rows in order. After the last row, they continue with the first row. So each body has `rows`
    rows, even if the input has fewer. A CSV header is repeated in each body. Input of another content type becomes the
    body of a single request, and counts as one row.

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
    # after this many bodies, the bodies would repeat
    count = len(records) // math.gcd(len(records), rows)
    mean_bytes = sum(map(len, records)) / len(records) * rows
    count = max(1, min(count, int(most_bytes / mean_bytes)))
    endless = itertools.cycle(records)
    bodies = [before + between.join(itertools.islice(endless, rows)) + after for _ in range(count)]
    return Load(bodies, rows, min(len(records), count * rows), content_type)


def _first(records: Iterable[bytes], most_bytes: int) -> list[bytes]:
    """Return the first records, up to the limits for rows and bytes."""
    taken: list[bytes] = []
    for record in itertools.islice(records, MOST_ROWS + 1):  # one more, because the first may be a header
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
