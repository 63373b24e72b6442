from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgbm_runtime.core.cells import MISSING
from lgbm_runtime.core.compression import states_gzip
from lgbm_runtime.core.csv_rows import plain_row, rows_from_csv
from lgbm_runtime.core.decoding import MAX_BODY_BYTES, decode
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.schema import Schema
from tests.runtime.test_schema import DOCUMENT

pytestmark = pytest.mark.usefixtures("code")

NUMERIC = Schema.without_channel(3, ["a", "b", "c"])
SHOP = Schema.from_json(DOCUMENT)
SINGLE = Schema.without_channel(1, ["a"])


def assert_rows(matrix: object, expected: list[list[float]]) -> None:
    np.testing.assert_array_equal(np.asarray(matrix), np.array(expected, dtype=np.float64))


@pytest.mark.parametrize("rows", [1, 2, 63, 64, 65, 5000])
@pytest.mark.parametrize("gap", [False, True])
def test_numbers_are_those_of_float_whatever_the_number_of_rows(rows: int, gap: bool) -> None:
    random = np.random.default_rng(rows)
    expected = random.normal(size=(rows, 3)) * 10.0 ** random.integers(-300, 300, (rows, 3))
    if gap:
        expected[-1, 1] = np.nan
    text = "\n".join(",".join("" if math.isnan(cell) else repr(cell) for cell in row) for row in expected.tolist())
    decoded = decode(text.encode(), "text/csv", NUMERIC)
    np.testing.assert_array_equal(decoded.matrix, expected)
    assert decoded.matrix.flags.c_contiguous
    assert decoded.matrix.dtype == np.float64


@given(
    st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1, max_size=80
    )
)
def test_every_float_keeps_its_bits(rows: list[list[float]]) -> None:
    text = "\r\n".join(",".join(map(repr, row)) for row in rows)
    assert decode(text.encode(), "text/csv", NUMERIC).matrix.tobytes() == np.array(rows).tobytes()


@given(
    st.lists(
        st.tuples(st.none() | st.integers(), st.sampled_from(["blue", "red"]), st.sampled_from([10, 20.5])), min_size=1
    )
)
def test_csv_and_json_say_the_same(rows: list[tuple[int | None, str, float]]) -> None:
    import json

    text = io.StringIO()
    csv.writer(text).writerows(rows)
    by_csv = decode(text.getvalue().encode(), "text/csv", SHOP)
    by_json = decode(json.dumps(rows).encode(), "application/json", SHOP)
    np.testing.assert_array_equal(by_csv.matrix, by_json.matrix)


# "na_values" in the documentation of pandas.read_csv
PANDAS_MISSING = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
]


@pytest.mark.parametrize("cell", PANDAS_MISSING)
def test_cell_that_pandas_reads_as_missing_becomes_nan(cell: str) -> None:
    assert_rows(decode(f"1,{cell},3".encode(), None, NUMERIC).matrix, [[1, math.nan, 3]])


@pytest.mark.parametrize("cell", ["none", "Null", "#n/a", "N A", "nil", "-", "?"])
def test_cell_that_pandas_reads_as_text_is_refused(cell: str) -> None:
    with pytest.raises(InvocationError, match="row 1, column b"):
        decode(f"1,{cell},3".encode(), None, NUMERIC)


def schema_of(**feature: object) -> Schema:
    """One feature."""
    return Schema.from_json({**DOCUMENT, "features": [{"name": "x", **feature}]})


COUNTRY = {"type": "categorical", "levels": ["DE", "NA"]}


def test_only_the_empty_cell_is_missing_in_a_column_of_texts() -> None:
    decoded = decode(b'NA\nDE\nnull\n""\n" "\n', None, schema_of(**COUNTRY))
    assert_rows(decoded.matrix, [[1], [0], [math.nan], [math.nan], [math.nan]])
    assert decoded.unseen == (("x", "null"),)


def test_a_text_is_missing_when_the_schema_says_so() -> None:
    decoded = decode(b"NA\nnull\n", None, schema_of(**COUNTRY, missing=["null"]))
    assert_rows(decoded.matrix, [[1], [math.nan]])
    assert decoded.unseen == ()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"?\n-999\n-999.0\n-9.99e2\n NA\n5\n", "text/csv"),
        (b'["?"]\n[-999]\n[-999.0]\n[-9.99e2]\n[null]\n[5]\n', "application/jsonlines"),
    ],
)
def test_texts_and_numbers_are_missing_when_the_schema_of_a_number_says_so(body: bytes, content_type: str) -> None:
    schema = schema_of(type="numeric", missing=["?", "-999"])
    assert_rows(decode(body, content_type, schema).matrix, [*[[math.nan]] * 5, [5]])


def test_level_keeps_its_blanks() -> None:
    assert decode(b"1, red,10", None, SHOP).unseen == (("colour", " red"),)


def test_unseen_categories_are_named_once_each() -> None:
    decoded = decode(b"1,pink,10\n1,pink,11\n1,red,10", None, SHOP)
    assert decoded.unseen == (("colour", "pink"), ("size", "11"))
    assert_rows(decoded.matrix, [[1, math.nan, 0], [1, math.nan, math.nan], [1, 1, 0]])


def test_number_of_unseen_categories_is_bounded() -> None:
    body = "\n".join(f"1,{'x' * 1000}{number},10" for number in range(1000)).encode()
    unseen = decode(body, None, SHOP).unseen
    assert len(unseen) <= 50
    assert all(len(level) <= 60 for _, level in unseen)


@pytest.mark.parametrize("levels", [["False", "True"], ["false", "true"], ["no", "yes"], ["F", "T"], ["N", "Y"]])
def test_each_spelling_of_a_boolean_is_its_level(levels: list[str]) -> None:
    schema = schema_of(type="categorical", levels=levels)
    assert_rows(decode(b"[[true], [false]]", "application/json", schema).matrix, [[1], [0]])
    table = decode(b"true\nTRUE\nTrue\nyes\nY\nt\nfalse\nNo\nF\n", "text/csv", schema)
    assert_rows(table.matrix, [[1], [1], [1], [1], [1], [1], [0], [0], [0]])
    assert table.unseen == ()


@pytest.mark.parametrize("levels", [["N", "Y", "n"], ["NO", "SE"], ["false", "true", "unknown"], ["yes"]])
def test_categories_are_matched_exactly_when_they_are_more_than_true_and_false(levels: list[str]) -> None:
    assert decode(b"no\n", "text/csv", schema_of(type="categorical", levels=levels)).unseen == (("x", "no"),)


def test_a_whole_number_of_json_is_the_text_that_a_table_of_integers_has() -> None:
    schema = schema_of(type="categorical", levels=["1", "01"])
    assert_rows(decode(b'[[1], [1.0], ["01"]]', "application/json", schema).matrix, [[0], [0], [1]])


def test_first_error_is_reported_when_there_are_several() -> None:
    with pytest.raises(InvocationError) as caught:
        decode(b"1,2,3\n1,2,x\ny,2,3", None, NUMERIC)
    assert (caught.value.row, caught.value.column) == (2, "c")


def test_row_is_counted_over_the_whole_table() -> None:
    with pytest.raises(InvocationError) as caught:
        decode(b"1,,3\n" * 9000 + b"1,2,x\n", None, NUMERIC)
    assert caught.value.row == 9001


def test_empty_line_is_refused_when_it_might_be_a_missing_cell() -> None:
    with pytest.raises(InvocationError, match="row 2 is an empty line"):
        decode(b"1\n\n3", None, SINGLE)
    assert_rows(decode(b'1\n""\n3\n', None, SINGLE).matrix, [[1], [math.nan], [3]])


def test_long_message_is_cut() -> None:
    with pytest.raises(InvocationError) as caught:
        decode(b"a,b," + b"z" * 100_000, None, NUMERIC)
    assert len(caught.value.message) < 300


def test_header_is_a_row_of_data_when_a_cell_is_a_number() -> None:
    with pytest.raises(InvocationError, match="row 1, column a"):
        decode(b"a,b,3", None, NUMERIC)


def test_header_is_expected_when_no_name_fits_but_the_type_announces_it() -> None:
    with pytest.raises(InvocationError, match="unexpected: x, y, z"):
        decode(b"x,y,z\n1,2,3", "text/csv; header=present", NUMERIC)


def test_quoted_header_is_read_when_the_type_announces_it() -> None:
    body = b'"c","a","b"\n3,1,2\n'
    assert_rows(decode(body, "text/csv; header=present", NUMERIC).matrix, [[1, 2, 3]])
    assert_rows(decode(body, "text/csv", NUMERIC).matrix, [[1, 2, 3]])


def test_byte_order_mark_is_no_part_of_the_text() -> None:
    mark = b"\xef\xbb\xbf"
    for content_type, body in (
        ("text/csv", b"1,2,3"),
        ("application/json", b"[1,2,3]"),
        ("application/jsonlines", b"[1,2,3]\n"),
        ("application/json; charset=utf-8", b'{"c": 3, "a": 1, "b": 2}'),
    ):
        assert_rows(decode(mark + body, content_type, NUMERIC).matrix, [[1, 2, 3]])
        assert_rows(
            decode(
                (mark + body).decode().encode("utf-16-le"), f"{content_type.split(';')[0]}; charset=utf-16-le", NUMERIC
            ).matrix,
            [[1, 2, 3]],
        )


# Python's codecs that are not charsets of IANA's registry
@pytest.mark.parametrize(
    "codec", ["idna", "punycode", "undefined", "unicode-escape", "raw_unicode_escape", "base64", "rot13", "hex"]
)
@pytest.mark.parametrize("content_type", ["text/csv", "application/json"])
def test_codec_that_is_no_charset_is_not_supported(codec: str, content_type: str) -> None:
    with pytest.raises(InvocationError) as caught:
        decode(
            b"[1,2,3]" if content_type == "application/json" else b"1,2,3", f"{content_type}; charset={codec}", NUMERIC
        )
    assert caught.value.status == 415
    assert codec in caught.value.message


def test_body_over_the_limit_is_refused() -> None:
    with pytest.raises(InvocationError) as caught:
        decode(b" " * (MAX_BODY_BYTES + 1), "text/csv", NUMERIC)
    assert caught.value.status == 413


def test_target_is_the_last_column_when_a_table_has_it() -> None:
    rows = rows_from_csv(b"1,red,10,yes\n2,,20.5,no\n", SHOP, with_target=True)
    assert_rows(rows.matrix, [[1, 1, 0], [2, math.nan, 1]])
    assert rows.target is not None
    assert rows.target.tolist() == [1, 0]
    assert rows.matrix.flags.c_contiguous


def test_target_may_stand_anywhere_when_the_columns_are_named() -> None:
    rows = rows_from_csv(b"bought,size,age,colour\nyes,10,1,red\n", SHOP, with_target=True)
    assert_rows(rows.matrix, [[1, 1, 0]])
    assert rows.target is not None
    assert rows.target.tolist() == [1]


@pytest.mark.parametrize("target", ["", "NA", "maybe"])
def test_target_is_refused_when_it_is_no_class(target: str) -> None:
    with pytest.raises(InvocationError) as caught:
        rows_from_csv(f"1,red,10,yes\n1,red,10,{target}\n".encode(), SHOP, with_target=True)
    assert (caught.value.row, caught.value.column) == (2, "bought")


@pytest.mark.parametrize("rows", [2, 200])
def test_numeric_target_is_refused_when_it_is_missing(rows: int) -> None:
    with pytest.raises(InvocationError) as caught:
        rows_from_csv(b"1,2,3,4\n" * (rows - 1) + b"1,2,3,nan", NUMERIC, with_target=True)
    assert (caught.value.row, caught.value.column) == (rows, "target")


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize("cell", ["1_0", "\x1c1", "1\x1f", "0x1", "1\x00"])
def test_cell_that_some_readers_take_for_a_number_is_refused(cell: str, rows: int) -> None:
    with pytest.raises(InvocationError) as caught:
        decode("\n".join(["1,2,3"] * (rows - 1) + [f"1,{cell},3"]).encode(), None, NUMERIC)
    assert (caught.value.row, caught.value.column) == (rows, "b")


CELLS = st.sampled_from(
    [*MISSING, "1", "-0", "-0 ", "-0.0", "true", "null", "[1]", "1]", "[1", "{}", "9" * 30, "18446744073709551615", "1e5", "1e999", "1e308", "-inf", "1_0", "0x1", " 2 ", "\t3", "\x1c4", "5\n", "\n", "\r", "a", '"6"', "+7", ".5", "8.", "١", "\x00", "\ufeff"]
) | st.floats().map(repr)  # fmt: skip


@given(
    st.lists(CELLS, min_size=1, max_size=4).map(",".join)
    | st.tuples(st.lists(CELLS, min_size=3, max_size=3).map(",".join), st.sampled_from(["", "\n", "\r\n", "\n\n"])).map("".join)
)  # fmt: skip
def test_a_single_row_is_read_as_a_table_of_one_row_is(text: str) -> None:
    for schema in (NUMERIC, SINGLE):
        row = plain_row(text.encode(), schema.width)
        if row is not None:
            expected = decode(text.encode(), "text/csv", schema).matrix[0]
            np.testing.assert_array_equal(np.array(row), expected)
            numbers = ~np.isnan(expected)
            assert np.array(row)[numbers].tobytes() == expected[numbers].tobytes()


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3\n", ",,\n", "1,,nan", "-0,1e308,1e308", "1,1e308,1e308\n"])
def test_a_single_row_of_numbers_and_gaps_needs_no_closer_look(text: str) -> None:
    row = plain_row(text.encode(), 3)
    assert row is not None
    np.testing.assert_array_equal(np.array([row]), decode(text.encode(), "text/csv", NUMERIC).matrix)


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_a_body_that_is_not_compressed_is_accepted(encoding: str | None) -> None:
    assert not states_gzip(encoding)


@pytest.mark.parametrize(("encoding", "name"), [(" BR ", "br"), ("x" * 61, "x" * 60)])
def test_a_compression_other_than_gzip_is_refused(encoding: str, name: str) -> None:
    with pytest.raises(InvocationError) as caught:
        states_gzip(encoding)
    assert caught.value.status == 415
    assert str(caught.value) == f"content encoding {name} is not supported; use gzip, or send the body as it is"
