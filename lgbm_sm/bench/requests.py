"""The bodies that are sent: real rows, so many in each, in turn and no two alike as far as the rows reach."""

import itertools
import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any

from lgbm_sm.errors import DataError
from lgbm_sm.invocation.batches import csv_records, is_header, json_rows, lines_with_content

MOST_ROWS = 100_000  # of the input: more of them would vary the load no further
MOST_BYTES = 64 * 1024 * 1024  # of the input, and of all bodies together
_JSON_LINES_TYPES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl")


@dataclass(frozen=True)
class Load:
    """Request bodies of `rows` rows each, cut from `distinct_rows` rows; `content_type` is what they hold."""

    bodies: Sequence[bytes]
    rows: int
    distinct_rows: int
    content_type: str


def cut_requests(
    stream: IO[bytes], content_type: str, rows: int, feature_names: Collection[str] = (), most_bytes: int = MOST_BYTES
) -> Load:
    """Bodies of `rows` rows each, from the first rows of a CSV, JSON Lines or JSON input.

    They go through the rows in order, and at the last one on from the first: each body holds `rows` rows, even where
    the input holds fewer. A CSV header is repeated in each. What is neither is sent whole, as one request of one row.

    Raises:
        DataError: the input holds no row, or is not the JSON that it is said to be.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    before, between, after = b"", b"", b""
    if media_type == "text/csv":
        records = _first(csv_records(stream), most_bytes)
        if records and is_header(records[0], feature_names):
            before = _ended(records.pop(0))
        records = [_ended(record) for record in records]
    elif media_type in _JSON_LINES_TYPES:
        records = [_ended(line) for line in _first(lines_with_content(stream), most_bytes)]
    elif media_type == "application/json":
        before, between, after = b'{"instances": [', b", ", b"]}"
        records = [json.dumps(row).encode() for row in _json_rows(stream.read())[:MOST_ROWS]]
    else:
        records, rows = [body for body in [stream.read()] if body], 1
    if not records:
        raise DataError("the input holds no row", "pass a file with at least one row of features")
    # after so many bodies the first begins anew
    count = len(records) // math.gcd(len(records), rows)
    mean_bytes = sum(map(len, records)) / len(records) * rows
    count = max(1, min(count, int(most_bytes / mean_bytes)))
    endless = itertools.cycle(records)
    bodies = [before + between.join(itertools.islice(endless, rows)) + after for _ in range(count)]
    return Load(bodies, rows, min(len(records), count * rows), content_type)


def _first(records: Iterable[bytes], most_bytes: int) -> list[bytes]:
    """The first of them, and so many that memory suffices."""
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
