"""The text of example requests, and the requests that boto3 sends when the text runs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from lgbm_sm.invocation.example_requests import invented_row, prepared_row, requests_with_file, requests_with_row
from lgbm_sm.record.entries import Endpoint, Place

NUMBER = {"name": "size", "type": "numeric"}
CITY = {"name": "city", "type": "categorical", "levels": ["Köln", "it's"]}
CODE = {"name": "code", "type": "categorical", "levels": [3, 5]}
ROW: dict[str, str | float | None] = {'größe "m²"': 1.5, "city": "it's", "empty": None}


def endpoint_in(place: Place) -> Endpoint:
    return Endpoint(
        name="house-prices",
        project="houses",
        place=place,
        created_at=datetime.now(UTC),
        folder=Path(),
        training_job="job",
        region="eu-west-3",
        url="http://127.0.0.1:8081" if place is Place.PROCESS else "",
    )


class Runtime(BaseHTTPRequestHandler):
    """SageMaker's runtime: it keeps each request, and answers."""

    received: ClassVar[list[tuple[str, str, str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, self.headers["Content-Type"], self.headers["Authorization"], body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"22.5")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def runtime_url() -> Iterator[str]:
    Runtime.received.clear()
    server = HTTPServer(("127.0.0.1", 0), Runtime)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_boto3_sends_the_row_to_the_endpoint_in_its_region(runtime_url: str) -> None:
    requests = requests_with_row(endpoint_in(Place.AWS), ROW)
    credentials = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    environment = {**os.environ, **credentials, "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": runtime_url}
    environment["AWS_REGION"] = environment["AWS_DEFAULT_REGION"] = "us-east-1"  # the text names its own
    for request in requests:
        command = [sys.executable, "-c", request.text]
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
        assert finished.stdout == "22.5\n"
    assert [request.name for request in requests] == ["boto3 with CSV", "boto3 with JSON"]
    paths, types, authorizations, bodies = zip(*Runtime.received, strict=True)
    assert set(paths) == {"/endpoints/house-prices/invocations"}
    assert types == ("text/csv", "application/json")
    assert all("/eu-west-3/sagemaker/aws4_request" in one for one in authorizations)
    assert bodies[0].decode() == "1.5,it's,"
    assert json.loads(bodies[1]) == ROW


def test_a_row_of_texts_is_not_read_as_a_header_when_a_category_is_the_name_of_a_feature() -> None:
    row = {"first": "second", "second": "x"}
    csv_request = requests_with_row(endpoint_in(Place.PROCESS), row)[0]
    assert csv_request.text == (
        "curl -H 'Content-Type: text/csv; header=absent' --data-raw second,x http://127.0.0.1:8081/invocations"
    )


def test_a_row_that_is_too_long_to_copy_gives_no_request() -> None:
    assert requests_with_row(endpoint_in(Place.PROCESS), {f"feature_{number}": 0.5 for number in range(500)}) == []


def test_a_request_with_a_file_names_the_endpoint_and_its_region() -> None:
    [request] = requests_with_file(endpoint_in(Place.AWS))
    assert "--endpoint-name house-prices --region eu-west-3 " in request.text


def test_no_row_is_taken_when_there_is_no_prepared_data(tmp_path: Path) -> None:
    assert prepared_row(tmp_path, [NUMBER]) is None


@pytest.mark.parametrize(
    ("ranges", "number"),
    [("[1:24] 0:1 3:5", 12), ("[0.125:0.5] 0:1 3:5", 0.3125), ("none 0:1 3:5", 0), ("[-1e308:1e308] 0:1 3:5", 0)],
)
def test_made_up_numbers_are_in_the_middle_of_their_range_and_categories_are_the_first(
    ranges: str, number: float, tmp_path: Path
) -> None:
    model = tmp_path / "model.txt"
    model.write_text(f"tree\nversion=v4\nfeature_infos={ranges}\n\nTree=0\n")
    assert invented_row(model, [NUMBER, CITY, CODE]) == {"size": number, "city": "Köln", "code": 3}


def test_made_up_numbers_are_0_when_there_is_no_model_file(tmp_path: Path) -> None:
    assert invented_row(tmp_path / "model.txt", [NUMBER]) == {"size": 0}
