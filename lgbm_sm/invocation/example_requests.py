"""Requests to an endpoint as text to copy: for curl, and for Python with requests or boto3."""

import csv
import io
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lgbm_sm import contract
from lgbm_sm.errors import DataError
from lgbm_sm.invocation.batches import is_header
from lgbm_sm.preparation.schema import Split, read_schema
from lgbm_sm.record.entries import Endpoint

Value = str | int | float | None
Feature = Mapping[str, Any]
"""A feature of the schema in metadata.json."""

# A terminal cannot show longer rows well, and Linux limits an argument to 128 KiB.
_LONGEST_ROW = 4000
_RANGES = "feature_infos="  # in LightGBM's model file: [lowest:highest] of each feature


class ExampleRequest(NamedTuple):
    """One request. `name` describes it, and `text` is a shell command or a Python program."""

    name: str
    text: str


def requests_with_file(endpoint: Endpoint) -> list[ExampleRequest]:
    """Return a request with a file, for an endpoint whose rows are not known."""
    if endpoint.is_local:
        command = f"curl --data-binary @rows.csv -H 'Content-Type: text/csv' {_url(endpoint)}"
        return [ExampleRequest("curl with a CSV file", command)]
    command = (
        f"aws sagemaker-runtime invoke-endpoint --endpoint-name {endpoint.name} --region {endpoint.region} "
        "--content-type text/csv --body fileb://rows.csv answer.csv"
    )
    return [ExampleRequest("AWS CLI with a CSV file", command)]


def requests_with_row(endpoint: Endpoint, row: Mapping[str, Value]) -> list[ExampleRequest]:
    """Return requests with one row, as CSV and as JSON, or none if the row is too long to copy.

    `row` has the values in the order of the model's features. A missing cell is None.
    """
    line, record = _csv_line(list(row.values())), _json_object(row)
    if max(len(line), len(record)) > _LONGEST_ROW:
        return []
    # a row of texts could be read as the names of the columns
    csv_type = "text/csv; header=absent" if is_header(line.encode(), row.keys()) else "text/csv"
    if endpoint.is_local:
        return [
            ExampleRequest("curl with CSV", _curl(endpoint, csv_type, line)),
            ExampleRequest("curl with JSON", _curl(endpoint, "application/json", record)),
            ExampleRequest("Python with JSON", _python(endpoint, row)),
        ]
    return [
        ExampleRequest("boto3 with CSV", _boto3(endpoint, csv_type, repr(line))),
        ExampleRequest("boto3 with JSON", _boto3(endpoint, "application/json", f"json.dumps({dict(row)!r})")),
    ]


def prepared_row(data_folder: Path, features: Sequence[Feature]) -> dict[str, Value] | None:
    """Return the first test row that prepare-data wrote.

    Returns None if there is no such row, or if the data has other features than the model.
    """
    try:
        schema = read_schema(data_folder)
        if schema.document["features"] != features:
            return None
        with (data_folder / schema.splits[Split.TEST].file).open(encoding="utf-8", newline="") as file:
            cells = next(csv.reader(file), [])
        return {feature["name"]: _value(cell, feature) for feature, cell in zip(features, cells, strict=True)}
    except (DataError, OSError, ValueError, csv.Error):  # the file was deleted or edited
        return None


def invented_row(model_path: Path, features: Sequence[Feature]) -> dict[str, Value]:
    """Return the first category of each categorical feature, and the middle of each number's range in training."""
    middles = _middles(model_path, len(features))
    return {
        feature["name"]: feature["levels"][0] if feature["type"] == "categorical" else middle
        for feature, middle in zip(features, middles, strict=True)
    }


def _value(cell: str, feature: Feature) -> Value:
    """Return the value of a cell. Raises ValueError if the cell is not a number or a category."""
    levels = feature.get("levels") or ()
    if cell in levels:
        return cell
    if not cell:
        return None
    if levels and isinstance(levels[0], str):
        raise ValueError(cell)
    number = float(cell)
    if not math.isfinite(number) or (levels and number not in levels):
        raise ValueError(cell)
    return int(number) if cell.lstrip("-").isdecimal() else number


def _middles(model_path: Path, count: int) -> list[float]:
    """Return the middle of each feature's range. It is 0 if the range is not known."""
    ranges: list[str] = []
    try:
        with model_path.open(encoding="utf-8") as file:
            ranges = next((line.removeprefix(_RANGES).split() for line in file if line.startswith(_RANGES)), [])
    except OSError:
        ranges = []
    return [_middle(one) for one in ranges] if len(ranges) == count else [0] * count


def _middle(bounds: str) -> float:
    if not bounds.startswith("["):  # `none`, or the codes of categories
        return 0
    lowest, highest = (float(bound) for bound in bounds.strip("[]").split(":"))
    middle = lowest / 2 + highest / 2  # the sum may be too large
    return int(middle) if lowest.is_integer() and highest.is_integer() else float(f"{middle:.4g}")


def _csv_line(values: Sequence[Value]) -> str:
    text = io.StringIO()
    # Python 3.11 quotes only the line ends that it writes
    csv.writer(text, lineterminator="\r\n").writerow("" if value is None else value for value in values)
    return text.getvalue().removesuffix("\r\n")


def _json_object(row: Mapping[str, Value]) -> str:
    text = json.dumps(row, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(row)


def _url(endpoint: Endpoint) -> str:
    return f"{endpoint.url}{contract.INVOCATIONS_PATH}"


def _curl(endpoint: Endpoint, content_type: str, body: str) -> str:
    # --data-binary would read a file if the body began with @
    return f"curl -H {shlex.quote(f'Content-Type: {content_type}')} --data-raw {_quoted(body)} {_url(endpoint)}"


def _quoted(text: str) -> str:
    """Quote a text for a shell on one line. Characters that cannot be printed need bash, zsh or ksh."""
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_escaped, text))}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    return character if character.isprintable() else "".join(f"\\{byte:03o}" for byte in character.encode())


def _python(endpoint: Endpoint, row: Mapping[str, Value]) -> str:
    return (
        f"import requests\n\nrow = {dict(row)!r}\nprint(requests.post({_url(endpoint)!r}, json=row, timeout=60).text)"
    )


def _boto3(endpoint: Endpoint, content_type: str, body: str) -> str:
    imports = "import json\n\nimport boto3" if body.startswith("json.") else "import boto3"
    return (
        f"{imports}\n\n"
        f'runtime = boto3.client("sagemaker-runtime", region_name={endpoint.region!r})\n'
        f"answer = runtime.invoke_endpoint(\n"
        f"    EndpointName={endpoint.name!r},\n    ContentType={content_type!r},\n    Body={body},\n)\n"
        'print(answer["Body"].read().decode())'
    )
