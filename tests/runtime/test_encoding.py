from __future__ import annotations

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lgbm_runtime.core import csv_content, json_content
from lgbm_runtime.core.encoding import encode, negotiate
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.media_type import parse_media_type, split_elements

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, CSV),
        ("", CSV),
        ("  ", CSV),
        ("*/*", CSV),
        ("text/*", CSV),
        ("application/*", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/x-jsonlines", "application/x-jsonlines"),
        ("text/html;q=1, application/jsonlines;q=0.3, text/csv;q=0.2", LINES),
        ("application/json;q=0.001", JSON),
        ("*/*, application/json", CSV),
        ("application/json;q=0.5, */*;q=0.5", JSON),
        ("text/csv;q=0, text/*, application/jsonl;q=.9", "text/tab-separated-values"),
        ("text/csv;q=0, text/*;q=.8, application/jsonl;q=.9", "application/jsonl"),
        ('text/csv; x="a,b;q=0", application/json;q=0.1', CSV),
        ("text/html,,application/json", JSON),
    ],
)
def test_best_type_is_chosen(accept: str | None, chosen: str) -> None:
    assert negotiate(accept) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "*/*;q=0", "text/csv;q=0.000", "text/csv;q=2", "nonsense", ",", "text/"]
)
def test_request_is_not_acceptable_when_nothing_fits(accept: str) -> None:
    with pytest.raises(InvocationError, match="supported: text/csv, application/json") as caught:
        negotiate(accept)
    assert caught.value.status == 406


@pytest.fixture(params=["orjson", "no orjson"])
def each_writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with orjson, as in our images, and without it, as in AWS's image."""
    if request.param == "no orjson":
        for content in (csv_content, json_content):
            monkeypatch.setattr(content, "orjson", None)


@pytest.mark.usefixtures("each_writer")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(), min_size=1))
def test_csv_keeps_every_bit(values: list[float]) -> None:
    lines = encode(values, CSV).decode().splitlines()
    assert [float(line).hex() for line in lines] == [value.hex() for value in values]
    table = encode([values, values], CSV).decode().splitlines()
    assert [[float(cell).hex() for cell in line.split(",")] for line in table] == [
        [value.hex() for value in values]
    ] * 2


@pytest.mark.usefixtures("each_writer")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_json_keeps_every_bit(values: list[float]) -> None:
    assert [value.hex() for value in json.loads(encode(values, JSON))["predictions"]] == [v.hex() for v in values]


@pytest.mark.usefixtures("each_writer")
def test_several_values_stand_in_one_line() -> None:
    assert encode([[1.5, 2.0], [0.1, 3.0]], CSV) == b"1.5,2.0\n0.1,3.0\n"
    assert encode([[1, 2]], CSV) == b"1,2\n"
    assert encode([[1.5, 2.0], [0.1, 3.0]], JSON) == b'{"predictions": [[1.5, 2.0], [0.1, 3.0]]}'
    assert encode([[1.5, 2.0], [0.1, 3.0]], LINES) == b"[1.5, 2.0]\n[0.1, 3.0]\n"


@pytest.mark.usefixtures("each_writer")
def test_labels_are_quoted_when_they_need_it() -> None:
    labels = ["plain", 'say "hi", you', "two\nlines", "grün", ""]
    assert encode(labels, CSV) == 'plain\n"say ""hi"", you"\n"two\nlines"\ngrün\n""\n'.encode()
    assert json.loads(encode(labels, JSON)) == {"predictions": labels}


@pytest.mark.usefixtures("each_writer")
def test_json_has_null_when_a_value_is_not_finite() -> None:
    assert encode([1.0, math.nan, -math.inf], JSON) == b'{"predictions": [1.0, null, null]}'
    assert encode([[math.inf, 2.0]], LINES) == b"[null, 2.0]\n"


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("text/csv", "text/csv", {}),
        (" Text/CSV ;Charset=UTF-8 ; header=present", "text/csv", {"charset": "UTF-8", "header": "present"}),
        (r'a/b; x="1;2,\"3"', "a/b", {"x": '1;2,"3'}),
        ("a/b;;", "a/b", {}),
        ("a/b; x=1; x=2", "a/b", {"x": "1"}),
    ],
)
def test_media_type_is_taken_apart(text: str, name: str, parameters: dict[str, str]) -> None:
    assert parse_media_type(text) == (name, parameters)


@pytest.mark.parametrize("text", ["", "csv", "a/", "/b", "a/b c", "a/b; x", "a/b; x=", 'a/b; x="', "a b/c"])
def test_text_is_no_media_type(text: str) -> None:
    assert parse_media_type(text) is None


@given(st.text(max_size=200))
def test_any_text_is_split_without_trouble(text: str) -> None:
    split_elements(text)
    parse_media_type(text)


def test_long_header_is_read_in_no_time() -> None:
    # an expression that backtracks would not end
    assert parse_media_type("a/b" + "; " * 30_000 + '"') is None
    assert len(split_elements('"' * 30_001 + "," * 30_000)) <= 2
