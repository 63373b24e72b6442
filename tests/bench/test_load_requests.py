"""The bodies of requests consist of real rows."""

import io
import json

import pytest

from lgbm_sm.bench.requests import cut_requests
from lgbm_sm.errors import DataError


def bodies(text: str, content_type: str, rows: int, names: tuple[str, ...] = ()) -> list[bytes]:
    return list(cut_requests(io.BytesIO(text.encode()), content_type, rows, names).bodies)


def test_a_header_is_part_of_each_csv_body_and_blank_lines_are_none() -> None:
    assert bodies("a,b\n1,2\n\n3,4\n5,6", "text/csv; charset=utf-8", 1, ("a", "b")) == [
        b"a,b\n1,2\n",
        b"a,b\n3,4\n",
        b"a,b\n5,6\n",
    ]


def test_a_row_is_kept_whole_when_a_cell_holds_a_line_end() -> None:
    assert bodies('1,"x\ny"\n2,z\n', "text/csv", 1) == [b'1,"x\ny"\n', b"2,z\n"]


def test_rows_begin_anew_when_a_request_has_more_than_the_input() -> None:
    load = cut_requests(io.BytesIO(b"1\n2\n3\n"), "text/csv", 5)
    assert list(load.bodies) == [b"1\n2\n3\n1\n2\n", b"3\n1\n2\n3\n1\n", b"2\n3\n1\n2\n3\n"]
    assert (load.rows, load.distinct_rows) == (5, 3)


def test_json_is_cut_by_its_rows() -> None:
    assert [json.loads(body) for body in bodies('{"instances": [[1, 2], [3, 4]]}', "application/json", 1)] == [
        {"instances": [[1, 2]]},
        {"instances": [[3, 4]]},
    ]
    assert bodies('{"a": 1}\n\n{"a": 2}\n', "application/jsonlines", 2) == [b'{"a": 1}\n{"a": 2}\n']


def test_what_is_no_table_is_sent_whole() -> None:
    load = cut_requests(io.BytesIO(b"\x93NUMPY"), "application/x-npy", 7)
    assert (list(load.bodies), load.rows) == ([b"\x93NUMPY"], 1)


@pytest.mark.parametrize(
    ("text", "content_type"),
    [
        ("", "text/csv"),
        ("\n", "text/csv"),
        ("a,b\n", "text/csv"),
        ("[]", "application/json"),
        ("", "application/x-npy"),
        ("{", "application/json"),
    ],
)
def test_an_input_without_rows_is_refused(text: str, content_type: str) -> None:
    with pytest.raises(DataError):
        bodies(text, content_type, 1, ("a", "b"))


def test_the_bodies_stay_within_their_memory() -> None:
    load = cut_requests(io.BytesIO(b"123456789\n" * 1000), "text/csv", 1, most_bytes=100)
    assert (len(load.bodies), load.distinct_rows) == (10, 10)
