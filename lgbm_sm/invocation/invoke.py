"""Send rows to an endpoint in batches, and write the predictions in the order of the rows."""

import json
import time
import urllib.parse
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any

from lgbm_sm import contract
from lgbm_sm.errors import AwsError, DataError, InvocationError
from lgbm_sm.invocation.batches import JSON_LINES_TYPES, Batch, csv_batches, json_batches, json_lines_batches
from lgbm_sm.invocation.output_columns import PredictionOutput
from lgbm_sm.invocation.retries import Retries
from lgbm_sm.invocation.writers import Writer
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Endpoint
from lgbm_sm.wording import shortened_list

PARALLEL_REQUESTS = 4
# At most this many batches are sent before the oldest one is answered, so that one slow batch does not delay the
# others. A batch has about one megabyte.
_READ_AHEAD = 16
_SILENT_SECONDS = 1.0  # a shorter prediction shows no progress
_BAD_REQUEST = 400
_SHOWN_NAMES = 30
_CONTENT_TYPES = {
    ".csv": "text/csv",
    ".txt": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".jsonlines": "application/jsonlines",
}


@dataclass(frozen=True)
class InvocationRequest:
    """The formats of a request: `content_type` for the rows, `accept` for the predictions."""

    content_type: str
    accept: str
    output: PredictionOutput = PredictionOutput.PREDICTION


@dataclass(frozen=True)
class InvocationSummary:
    """The number of answered rows, the number of answered requests, and the duration."""

    rows: int
    requests: int
    seconds: float


def content_type_of(file_name: str) -> str:
    """Return the content type that belongs to the suffix of a file.

    Raises:
        DataError: the suffix is unknown.
    """
    suffix = file_name[file_name.rfind(".") :].lower() if "." in file_name else ""
    if suffix not in _CONTENT_TYPES:
        known = ", ".join(sorted(_CONTENT_TYPES))
        raise DataError(
            f"{file_name}: the file name does not show the content type (known suffixes: {known})",
            "pass --content-type",
        )
    return _CONTENT_TYPES[suffix]


def feature_names(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the names of the model's features, or an empty tuple if it has no schema."""
    metadata = read_model_metadata(endpoint)
    schema = metadata.get("schema")
    return tuple(feature["name"] for feature in schema["features"]) if schema else ()


def read_model_metadata(endpoint: Endpoint) -> dict[str, Any]:
    """Return the metadata.json of the model that the endpoint serves.

    The result is empty if another program has written the artifact.
    """
    path = endpoint.root_path / "model" / "metadata.json"
    try:
        metadata: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return metadata


def invoke(
    endpoint: Endpoint,
    sender: Retries,
    stream: IO[bytes],
    request: InvocationRequest,
    *,
    writer: Writer,
    reporter: Reporter,
) -> InvocationSummary:
    """Send the rows in `stream` to the endpoint with `sender`.

    `writer` gets the answers in the order of the rows, each as early as possible.

    Raises:
        DataError: the input has no rows, or it cannot be split into batches.
        InvocationError: the endpoint refused a batch, did not answer, or returned another number of predictions.
        AwsError: AWS refused a call.
    """
    started_at = time.monotonic()
    rows = requests = 0
    unseen: set[str] = set()
    batches = _batches(stream, request.content_type, feature_names(endpoint))
    for batch, answer, attributes in _answers(endpoint, sender, batches):
        unseen |= _unseen_categories(attributes)
        count = writer.add(answer, batch.rows)
        if count != batch.rows:
            raise InvocationError(
                f"endpoint {endpoint.name} returned {count} predictions for the {batch.rows} rows "
                f"from row {batch.first_row} on",
                "see `lgbm-sm logs`",
            )
        rows += batch.rows
        requests += 1
        seconds = time.monotonic() - started_at
        if seconds > _SILENT_SECONDS:
            reporter.status(f"{rows:,} rows, {rows / seconds:,.0f} rows a second")
    if not rows:
        raise DataError("the input has no rows", "pass a file with at least one row of features")
    writer.close()
    if unseen:
        reporter.warn(f"unseen categories are treated as missing: {', '.join(sorted(unseen))}")
    summary = InvocationSummary(rows, requests, time.monotonic() - started_at)
    reporter.trace(f"{summary.rows:,} rows in {summary.requests} requests, {summary.seconds:.2f} s")
    return summary


def _batches(stream: IO[bytes], content_type: str, names: tuple[str, ...]) -> Iterator[Batch]:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "text/csv":
        return csv_batches(stream, () if "header=absent" in content_type else names)
    if media_type in JSON_LINES_TYPES:
        return json_lines_batches(stream)
    if media_type == "application/json":
        return json_batches(stream)
    raise DataError(
        f"content type {content_type} cannot be split into batches",
        "use text/csv, application/json or application/jsonlines",
    )


def _unseen_categories(attributes: str) -> set[str]:
    """Return the categories in the attribute `unseen_categories`.

    The attribute is percent-encoded and looks like `unseen_categories=colour:purple|size:XXL`.
    """
    for attribute in attributes.split(","):
        name, _, value = attribute.strip().partition("=")
        if name == "unseen_categories":
            return {urllib.parse.unquote(level) for level in value.split("|")}
    return set()


def headers_of(request: InvocationRequest) -> dict[str, str]:
    """Return the headers of a request."""
    headers = {"Content-Type": request.content_type, "Accept": request.accept}
    if request.output is not PredictionOutput.PREDICTION:  # `prediction` is the default of each server
        headers[contract.ATTRIBUTES_HEADER] = f"output={request.output}"
    return headers


def _answers(endpoint: Endpoint, sender: Retries, batches: Iterator[Batch]) -> Iterator[tuple[Batch, bytes, str]]:
    """Yield each batch with its answer and the answer's custom attributes, in order."""
    pending: deque[tuple[Batch, Future[tuple[bytes, str]]]] = deque()
    with ThreadPoolExecutor(PARALLEL_REQUESTS) as executor:
        try:
            for batch in batches:
                pending.append((batch, executor.submit(_send, sender, endpoint, batch)))
                if len(pending) > _READ_AHEAD:
                    sent, answer = pending.popleft()
                    yield sent, *answer.result()
            while pending:
                sent, answer = pending.popleft()
                yield sent, *answer.result()
        finally:
            sender.give_up()
            executor.shutdown(wait=True, cancel_futures=True)
            sender.close()


def _send(sender: Retries, endpoint: Endpoint, batch: Batch) -> tuple[bytes, str]:
    rows = f"the rows from row {batch.first_row} on"
    try:
        response = sender.send(batch.body, rows)
    except InvocationError as error:
        raise InvocationError(
            f"endpoint {endpoint.name} did not answer for {rows}: {error.message}", error.hint
        ) from error
    except AwsError as error:
        said = f"cannot send {rows} to endpoint {endpoint.name}: {error.message}"
        raise AwsError(said, error.hint, error.code) from error
    if response.status != 200:
        said = _refusal(endpoint, batch, response.status, response.body)
        raise InvocationError(said, _remedy(endpoint, response.status))
    return response.body, response.attributes


def _refusal(endpoint: Endpoint, batch: Batch, status: int, body: bytes) -> str:
    """Return the server's message. Add the number of the wrong row in the whole input."""
    what = f"endpoint {endpoint.name} answered {status}"
    try:
        error = json.loads(body)["error"]
        message, row = error["message"], error.get("row")
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"{what}: {body[:500].decode('utf-8', errors='replace')}"
    if row is not None and batch.first_row > 1:
        return f"{what}: {message} (row {batch.first_row + row - 1} of the whole input)"
    return f"{what}: {message}"


def _remedy(endpoint: Endpoint, status: int) -> str:
    """Return a hint. For a refused row, it has the expected columns."""
    names = feature_names(endpoint)
    if status != _BAD_REQUEST or not names:
        return "see `lgbm-sm logs`"
    shown = shortened_list(names, _SHOWN_NAMES)
    return (
        f"expected these columns, comma-separated, and no others: {shown}. Without a header, they must be in this order"
    )
