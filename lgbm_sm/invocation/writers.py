"""Write the answers of several batches as one output."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from lgbm_sm.errors import InvocationError
from lgbm_sm.invocation.batches import JSON_LINES_TYPES
from lgbm_sm.invocation.output_columns import OutputColumns

_JSON = "application/json"


class Writer(Protocol):
    """Writes the answers of several batches as one output."""

    def add(self, answer: bytes, expected: int) -> int:
        """Write one answer if it has the expected number of predictions. Return the number."""

    def close(self) -> None:
        """Write the end of the output."""


def writer_for(accept: str, write: Callable[[bytes], None], columns: OutputColumns | None = None) -> Writer:
    """Return the writer for a format of predictions; `columns` name them, if they are named."""
    media_type = media_type_of(accept)
    if columns is None:
        return JsonWriter(write) if media_type == _JSON else LinesWriter(write)
    if media_type == _JSON:
        return NamedJsonWriter(write, columns)
    return NamedLinesWriter(write, columns, is_json=media_type in JSON_LINES_TYPES)


def media_type_of(accept: str) -> str:
    """Return a content type without its parameters."""
    return accept.partition(";")[0].strip().lower()


def values_of(answer: bytes, accept: str) -> list[list[Any]] | None:
    """Return the values of each row of an answer, of CSV as text; None for an unknown format."""
    media_type = media_type_of(accept)
    if media_type == "text/csv":
        return [row for row in csv.reader(io.StringIO(answer.decode(), newline="")) if row]
    if media_type in JSON_LINES_TYPES:
        return [_listed(json.loads(line)) for line in answer.splitlines() if line.strip()]
    return [_listed(one) for one in _predictions(answer)] if media_type == _JSON else None


class LinesWriter:
    """Writes one prediction per line."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def add(self, answer: bytes, expected: int) -> int:
        """Write one answer. Count blank lines only if the expected number requires it."""
        count = answer.count(b"\n") + (not answer.endswith(b"\n") and bool(answer))
        if count != expected:
            count = sum(1 for line in answer.split(b"\n") if line.strip())
        if count == expected:
            self._write(answer if answer.endswith(b"\n") else answer + b"\n")
        return count

    def close(self) -> None:
        """See Writer."""


class JsonWriter:
    """Writes one document `{"predictions": […]}`, with one prediction per line."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._separator = b'{"predictions": [\n'

    def add(self, answer: bytes, expected: int) -> int:
        """See Writer."""
        predictions = _predictions(answer)
        if len(predictions) == expected:
            self.add_all(predictions)
        return len(predictions)

    def add_all(self, predictions: Sequence[Any]) -> None:
        """Write these predictions."""
        for prediction in predictions:
            self._write(self._separator + json.dumps(prediction).encode())
            self._separator = b",\n"

    def close(self) -> None:
        """See Writer."""
        self._write(b"\n]}\n")


class NamedJsonWriter:
    """Writes one document `{"predictions": […]}`, with one object per row."""

    def __init__(self, write: Callable[[bytes], None], columns: OutputColumns) -> None:
        self._document = JsonWriter(write)
        self._columns = columns

    def add(self, answer: bytes, expected: int) -> int:
        """See Writer."""
        rows = [_listed(one) for one in _predictions(answer)]
        if len(rows) == expected:
            self._document.add_all(self._columns.records(rows))
        return len(rows)

    def close(self) -> None:
        """See Writer."""
        self._document.close()


class NamedLinesWriter:
    """Writes CSV with a header, or JSON Lines with one object per row."""

    def __init__(self, write: Callable[[bytes], None], columns: OutputColumns, *, is_json: bool) -> None:
        self._write = write
        self._columns = columns
        self._is_json = is_json
        self._is_first = True

    def add(self, answer: bytes, expected: int) -> int:
        """See Writer."""
        rows = values_of(answer, JSON_LINES_TYPES[0] if self._is_json else "text/csv") or []
        if len(rows) == expected:
            self._write(self._json_lines(rows) if self._is_json else self._csv(rows))
        return len(rows)

    def _json_lines(self, rows: list[list[Any]]) -> bytes:
        records = self._columns.records(rows)
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()

    def _csv(self, rows: list[list[Any]]) -> bytes:
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        if self._is_first:
            lines.writerow(self._columns.names(len(rows[0])))
            self._is_first = False
        lines.writerows(self._columns.rows(rows))
        return text.getvalue().encode()

    def close(self) -> None:
        """See Writer."""


def _predictions(answer: bytes) -> list[Any]:
    try:
        return list(json.loads(answer)["predictions"])
    except (ValueError, LookupError, TypeError) as error:
        raise InvocationError(
            f"the endpoint's answer is not JSON with predictions: {answer[:200]!r}", "pass another --accept"
        ) from error


def _listed(prediction: Any) -> list[Any]:
    return prediction if isinstance(prediction, list) else [prediction]
