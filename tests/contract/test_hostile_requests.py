"""Hostile requests do not break a worker, and a correct answer follows each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as drawn_from
from hypothesis import strategies as st

from tests.contract.answers import assert_still_right
from tests.contract.cases import ATTRIBUTES, FIRST, LINE, NAMED, RECORD, TWO_LINES
from tests.contract.models import BINARY, REGRESSION, Model
from tests.contract.serving import Endpoint

BINARY_LINES = b"age,colour,size\n50,red,10\n20,,30\n"
TEMPLATES = [
    LINE,
    TWO_LINES,
    NAMED,
    BINARY_LINES,
    json.dumps(FIRST).encode(),
    json.dumps([FIRST, FIRST]).encode(),
    json.dumps([RECORD]).encode(),
    json.dumps({"instances": [{"features": FIRST}]}).encode(),
    b'[[50, "red", 10], [null, "blue", 20.5]]',
    json.dumps(FIRST).encode() + b"\n" + json.dumps(FIRST).encode(),
]
PIECES = [
    *(
        b",",
        b"\n",
        b"\r",
        b'"',
        b"'",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b" ",
        b"\t",
        b";",
        b"_",
        b"\\",
    ),
    *(b"[", b"]", b"{", b"}", b":", b"null", b"true", b"NaN", b"nan", b"inf", b"-", b"1e999", b"-0", b"0x1", b"1_0"),
    *(b"9" * 400, b"9" * 5000, b"\\ud800", b'"instances"', b'"features"', b"[" * 3000, "é١²".encode(), b"CRIM", b"red"),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a valid body with a few parts inserted, removed or doubled."""
    body = draw(st.sampled_from(TEMPLATES))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 20)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(body[start:end] * 2))
        body = body[:start] + piece + body[end:]
    return body


BODIES = (
    mutated() | st.binary(max_size=400) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
HEADER_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60)
CONTENT_TYPES = HEADER_TEXT | st.sampled_from(
    ["text/csv", "application/json", "application/jsonlines", "text/csv; header=present", "text/csv; header=absent"]
    + [
        "text/csv; charset=" + name
        for name in ("utf-16", "latin-1", "utf-7", "idna", "punycode", "rot13", "cp037", "a" * 50)
    ]
    + ["application/json; charset=utf-32", 'text/csv; charset="', "text/csv;;;", "text/csv; =; x", "/", "*/*", ""]
)
ACCEPTS = HEADER_TEXT | st.sampled_from(
    ["*/*", "application/json", "text/csv;q=2", "text/*;q=0.001", ",,", ";q=1", '"', ""]
)
ATTRIBUTE_TEXTS = HEADER_TEXT | st.sampled_from(
    [
        "output=" + name
        for name in ("label", "raw_score", "leaf_index", "contributions", "prediction", "", "=", "LABEL ")
    ]
)


QUIET: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
HEADERS = st.fixed_dictionaries(
    {
        "Content-Type": st.none() | CONTENT_TYPES,
        "Accept": st.none() | ACCEPTS,
        ATTRIBUTES: st.none() | ATTRIBUTE_TEXTS,
    }
)


def ask_and_look(
    name: str,
    body: bytes,
    headers: Mapping[str, str | None],
    endpoints: Mapping[str, Endpoint],
    models: Mapping[str, Model],
) -> None:
    given_headers = {key: value for key, value in headers.items() if value is not None}
    reply = endpoints[name].ask("POST", "/invocations", body, given_headers)
    assert reply.status in (200, 400, 406, 415)
    assert b"Traceback" not in reply.body
    if reply.status != 200:
        assert json.loads(reply.body)["error"]["status"] == reply.status
    assert endpoints[name].workers_are_the_same()
    assert_still_right(endpoints[REGRESSION], models[REGRESSION])


@pytest.mark.slow
@settings(max_examples=300, **QUIET)
@given(name=st.sampled_from([REGRESSION, BINARY]), body=BODIES, headers=HEADERS)
def test_hostile_request_is_no_server_error_and_leaves_the_workers_alone(
    name: str,
    body: bytes,
    headers: Mapping[str, str | None],
    endpoints: Mapping[str, Endpoint],
    models: Mapping[str, Model],
) -> None:
    ask_and_look(name, body, headers, endpoints, models)


@pytest.mark.soak("serving")
@pytest.mark.timeout(1200)
def test_hostile_requests_by_the_thousand_are_no_server_errors(
    seed: int, endpoints: Mapping[str, Endpoint], models: Mapping[str, Model]
) -> None:
    @drawn_from(seed)
    @settings(max_examples=3000, derandomize=False, **QUIET)
    @given(name=st.sampled_from([REGRESSION, BINARY]), body=BODIES, headers=HEADERS)
    def check(name: str, body: bytes, headers: Mapping[str, str | None]) -> None:
        ask_and_look(name, body, headers, endpoints, models)

    check()
