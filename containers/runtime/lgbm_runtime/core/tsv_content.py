"""The content type text/tab-separated-values: CSV with tabs instead of commas."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from lgbm_runtime.core import csv_content
from lgbm_runtime.core.content_codec import ContentType, text_of
from lgbm_runtime.core.csv_rows import rows_from_csv
from lgbm_runtime.core.errors import InvocationError

if TYPE_CHECKING:
    from lgbm_runtime.core.rows import Rows
    from lgbm_runtime.core.schema import Schema

TSV = "text/tab-separated-values"


def decode(body: bytes, parameters: Mapping[str, str], schema: Schema) -> Rows:
    """Return the rows in the body. The parameter `header` has the same meaning as for text/csv."""
    text = text_of(body, parameters)
    table = text.replace("\t", ",") if not ('"' in text or "," in text) else _with_commas(text)
    try:
        encoded = table.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvocationError(400, "the body is not valid text") from error
    return rows_from_csv(encoded, schema, header=csv_content.header(parameters))


def encode(values: Sequence[Any]) -> bytes:
    """Return one line per row."""
    if isinstance(values[0], (float, list)):
        return csv_content.encode(values).replace(b",", b"\t")
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows([value] for value in values)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _with_commas(text: str) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    number = 0
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True):
            writer.writerow(record)
            number += 1
    except csv.Error as error:
        raise InvocationError(400, f"line {number + 1} is not valid TSV: {error}") from error
    return written.getvalue()


CONTENT_TYPE = ContentType((TSV,), decode, encode)
