"""Batches are small enough, in order, and contain each row once."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgbm_sm.errors import DataError
from lgbm_sm.invocation.batches import csv_batches, json_batches, json_lines_batches

cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@given(st.lists(st.lists(cells, min_size=2, max_size=3), min_size=1, max_size=30), st.integers(100, 400))
def test_every_row_is_sent_once_and_in_order_when_csv_is_cut(rows: list[list[str]], limit: int) -> None:
    lines = [",".join(map(quoted, row)) for row in rows]
    batches = list(csv_batches(io.BytesIO("\n".join(lines).encode()), (), limit))
    assert "".join(batch.body.decode() for batch in batches) == "".join(line + "\n" for line in lines)
    assert all(len(batch.body) <= limit + 1 for batch in batches)
    assert sum(batch.rows for batch in batches) == len(rows)
    positions = [batch.first_row for batch in batches]
    assert positions == [1 + sum(batch.rows for batch in batches[:index]) for index in range(len(batches))]


def test_the_header_is_repeated_when_csv_has_one() -> None:
    batches = list(csv_batches(io.BytesIO(b"b,a\n1,2\n3,4\n5,6\n"), ("a", "b"), 9))
    assert [batch.body for batch in batches] == [b"b,a\n1,2\n", b"b,a\n3,4\n", b"b,a\n5,6\n"]
    assert [batch.first_row for batch in batches] == [1, 2, 3]


def test_the_first_row_is_no_header_when_a_cell_is_missing_or_a_number() -> None:
    for first in (b"red,", b"red,1", b"red,NA"):
        [batch] = csv_batches(io.BytesIO(first + b"\nblue,2\n"), ("red", "size"))
        assert batch.rows == 2


def test_a_row_stays_whole_when_a_quoted_cell_holds_line_ends() -> None:
    batches = list(csv_batches(io.BytesIO(b'1,"a\nb\n\nc"\n2,d\n'), ("x",), 12))
    assert [batch.body for batch in batches] == [b'1,"a\nb\n\nc"\n', b"2,d\n"]


def test_blank_lines_are_no_rows_when_csv_ends_with_them() -> None:
    assert [batch.rows for batch in csv_batches(io.BytesIO(b"1,2\r\n3,4\r\n\r\n\r\n"), ())] == [2]
    assert list(csv_batches(io.BytesIO(b""), ())) == []


@given(
    st.lists(st.sampled_from([b"1,2", b"3.5,", b'"a\nb",1', b'"x""y",2', b"", b"  ", b" 7,8", b"\r"]), max_size=40),
    st.sampled_from([b"\n", b"\r\n"]),
    st.integers(20, 80),
    st.sampled_from([1, 100]),
)
def test_no_row_is_lost_or_doubled_when_blank_lines_and_quotes_stand_among_the_rows(
    lines: list[bytes], line_end: bytes, limit: int, times: int
) -> None:
    lines = lines * times
    body = line_end.join(lines)
    batches = list(csv_batches(io.BytesIO(body), (), limit))
    wanted = [line.strip(b"\r") + line_end for line in lines if line.strip()]
    sent = b"".join(batch.body for batch in batches)
    assert sent.rstrip(b"\r\n") == b"".join(wanted).rstrip(b"\r\n")
    assert sum(batch.rows for batch in batches) == len(wanted)
    assert all(len(batch.body) <= limit + 1 for batch in batches)


def test_the_row_is_named_when_it_is_larger_than_a_request() -> None:
    with pytest.raises(DataError, match="row 2 has 31 bytes"):
        list(csv_batches(io.BytesIO(b"1\n" + b"2" * 30 + b"\n"), (), 20))


@pytest.mark.parametrize("as_instances", [True, False])
def test_every_row_is_sent_once_when_a_json_document_is_cut(as_instances: bool) -> None:
    rows = [[index, None, "ä"] for index in range(100)]
    body = json.dumps({"instances": rows} if as_instances else rows).encode()
    batches = list(json_batches(io.BytesIO(body), 200))
    assert [row for batch in batches for row in json.loads(batch.body)] == rows
    assert all(len(batch.body) <= 200 for batch in batches)
    assert [(batch.body, batch.rows) for batch in json_batches(io.BytesIO(body))] == [(body, 100)]


@pytest.mark.parametrize(("document", "rows"), [([1, 2], 1), ({"a": 1}, 1), ([[1], [2]], 2), ([{"a": 1}], 1)])
def test_rows_are_counted_when_json_has_any_of_its_forms(document: object, rows: int) -> None:
    assert [batch.rows for batch in json_batches(io.BytesIO(json.dumps(document).encode()))] == [rows]


def test_the_position_is_named_when_json_is_damaged() -> None:
    with pytest.raises(DataError, match=r"not JSON: .*line 1 column 4"):
        list(json_batches(io.BytesIO(b"[1,")))


def test_lines_are_the_rows_when_json_lines_are_cut() -> None:
    batches = list(json_lines_batches(io.BytesIO(b"[1]\n\n[2]\n[3]"), 8))
    assert b"".join(batch.body for batch in batches) == b"[1]\n[2]\n[3]\n"
    assert [(batch.first_row, batch.rows) for batch in batches] == [(1, 1), (2, 2)]
    assert all(len(batch.body) <= 8 for batch in batches)
