"""The check that fails if a server never becomes ready, and the sizes of sample requests."""

from __future__ import annotations

import pytest

from lgbm_sm.invocation.single_requests import Reply
from lgbm_sm.verify.checks import Verdict
from lgbm_sm.verify.checks.startup import CHECKS, _explain
from lgbm_sm.verify.server import Startup, _is_loopback
from lgbm_sm.verify.subject import SampleRequest


@pytest.mark.parametrize(
    ("startup", "passed", "failed", "seen"),
    [
        (Startup(exit_code=3, said=": no model"), [], "serve-starts", "ended with exit code 3: no model"),
        (
            Startup(seconds=4, listens={8080: "127.0.0.1"}),
            ["serve-starts"],
            "serve-interfaces",
            "listens on 8080 on 127.0.0.1",
        ),
        (
            Startup(seconds=4, listens={9090: "all interfaces", 80: "127.0.0.1"}),
            ["serve-starts"],
            "serve-port",
            "listens on 80 on 127.0.0.1, 9090 on all interfaces",
        ),
        (Startup(seconds=4), ["serve-starts"], "serve-port", "nothing answered on port 8080 within 4 s"),
        (
            Startup(ping=Reply(503, b"busy"), seconds=4, listens={8080: "all interfaces"}),
            ["serve-starts", "serve-port", "serve-interfaces"],
            "serve-first-ping",
            "the last ping within 4 s: 503 (busy)",
        ),
    ],
)
def test_a_server_that_never_becomes_ready_fails_one_check(
    startup: Startup, passed: list[str], failed: str, seen: str
) -> None:
    results = list(_explain(startup))
    assert [result.check for result in results] == list(CHECKS)
    assert [result.check.name for result in results if result.verdict is Verdict.PASS] == passed
    [broken] = [result for result in results if result.verdict is Verdict.FAIL]
    assert (broken.check.name, broken.seen) == (failed, seen)
    skipped = {result.seen for result in results if result.verdict is Verdict.SKIPPED}
    assert skipped == {f"the server never becomes ready: see {failed}"}


@pytest.mark.parametrize(
    ("address", "is_loopback"),
    [
        ("0100007F", True),  # 127.0.0.1, as proc(5) writes it on a little-endian machine
        ("0200007F", True),
        ("00000000", False),
        ("020011AC", False),  # 172.17.0.2
        ("00000000000000000000000001000000", True),  # ::1
        ("00000000000000000000000000000000", False),  # ::
        ("0000000000000000FFFF00000100007F", True),  # ::ffff:127.0.0.1
        ("0000000000000000FFFF000000000000", False),
    ],
)
def test_loopback_is_read_from_the_kernels_table(address: str, is_loopback: bool) -> None:
    assert _is_loopback(address) is is_loopback


@pytest.mark.parametrize(
    ("body", "content_type", "first_row"),
    [
        (b"1,2\n3,4\n", "text/csv", b"1,2\n"),
        (b"a,b\n1,2\n3,4\n", "text/csv", b"a,b\n1,2\n"),
        (b"a,b\nc,d\n", "text/csv", b"a,b\n"),
        (b"\n1,2\n", "text/csv", b"1,2\n"),
        (b'{"a": 1}\n{"a": 2}\n', "application/jsonlines", b'{"a": 1}\n'),
        (b"1 1:2\n0 1:3\n", "text/libsvm", b"1 1:2\n"),
        (b"[[1, 2]]", "application/json", None),
        (b"\x93NUMPY", "application/x-npy", None),
    ],
)
def test_the_first_row_keeps_a_header(body: bytes, content_type: str, first_row: bytes | None) -> None:
    assert SampleRequest(body, content_type).first_row == first_row


def test_a_request_grows_by_whole_rows_up_to_the_size() -> None:
    assert SampleRequest(b"1,2\n", "text/csv").of_size(11) == b"1,2\n1,2\n"
    assert SampleRequest(b"a,b\n1,2\n", "text/csv").of_size(12) == b"a,b\n1,2\n1,2\n"
    assert SampleRequest(b"1,2\n", "text/csv").of_size(1) == b"1,2\n"


def test_json_grows_by_spaces_and_other_types_do_not_grow() -> None:
    assert SampleRequest(b"[1]", "application/json").of_size(5) == b"[1]  "
    assert SampleRequest(b"\x93NUMPY", "application/x-npy").of_size(100) is None
