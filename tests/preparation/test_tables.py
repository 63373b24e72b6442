"""Read the user's CSV and Parquet files."""

import gzip
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas._libs.parsers import STR_NA_VALUES  # type: ignore[import-not-found]

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.table_header import MISSING_TEXTS
from lgbm_sm.preparation.tables import Table, TableOptions, read_table


def read(path: Path, text: str, name: str = "t.csv", *, header: bool | None = None, references: Any = ()) -> Table:
    (path / name).write_text(text, encoding="utf-8", newline="")
    return read_table(path / name, header=header, references=references)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\n1,2\n3,4\n", ["a", "b"]),
        ("a,b\nx,2\ny,4\n", ["a", "b"]),
        ("a,b\n,2\n3,NA\n", ["a", "b"]),
        (",a\n0,1.5\n1,2.5\n", ["", "a"]),
        ('"a\nb","c,d"\n1,2\n', ["a\nb", "c,d"]),
        ("\ufeffa,b\r\n1,2\r\n", ["a", "b"]),
        ("1.5,2\n3,4\n", ["Column_0", "Column_1"]),
        ("1.5,x\n3,y\n", ["Column_0", "Column_1"]),
        ("x,y\nx,z\n", ["Column_0", "Column_1"]),
        ("NA,2\n3,4\n", ["Column_0", "Column_1"]),
    ],
)
def test_a_header_is_found_out_when_the_first_rows_tell(text: str, names: list[str], tmp_path: Path) -> None:
    table = read(tmp_path, text)
    assert table.columns.column_names == names
    assert table.named == (not names[-1].startswith("Column_"))
    assert len(table.notes) == 1


@pytest.mark.parametrize("text", ["a,b\nx,y\n", "a,b\n", "?,1\n3,4\n", "a,1\n3,4\n"])
def test_a_header_is_asked_for_when_it_may_be_one_or_not(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot tell whether the first line is a header") as caught:
        read(tmp_path, text)
    assert "--set data.header=true" in caught.value.hint


def test_a_short_row_is_named_when_the_header_is_detected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Row #2: Expected 2 columns, got 1"):
        read(tmp_path, "a,b\n1\n2,3\n")


@pytest.mark.parametrize(("header", "rows"), [(True, 1), (False, 2)])
def test_the_header_is_as_configured_when_it_is_configured(header: bool, rows: int, tmp_path: Path) -> None:
    table = read(tmp_path, "1,2\n3,4\n", header=header)
    assert (table.columns.num_rows, table.named, table.notes) == (rows, header, ())


def test_a_header_is_known_when_the_configuration_uses_one_of_its_names(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\nx,y\n", references=(-1, "b")).columns.column_names == ["a", "b"]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_a_header_is_known_by_a_name_with_a_line_break(name: str, tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf"a\r\nb","c"\r\nx,y\r\n'
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    table = read_table(tmp_path / name, header=None, references=("a\r\nb",))
    assert table.columns.to_pydict() == {"a\r\nb": ["x"], "c": ["y"]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\nx,2\ny,4\n", "the first line is a header (the column b contains numbers)"),
        ("1.5,x\n3,y\n", "no header (the first line contains '1.5'): the columns are named Column_0, Column_1, …"),
        ("x,y\nx,z\n", "no header (the first line contains 'x'): the columns are named Column_0, Column_1, …"),
        ("c,b,a\nx,y,z\n", "the first line is a header (it contains a, b)"),
    ],
)
def test_the_reason_for_a_header_or_none_is_given(text: str, reason: str, tmp_path: Path) -> None:
    references = ("b", "a") if text.startswith("c,") else ()
    assert read(tmp_path, text, references=references).notes == (f"t.csv: {reason}",)


def test_tabs_keep_cells_apart_when_the_file_is_tsv(tmp_path: Path) -> None:
    assert read(tmp_path, "a\tb\n1,5\t2\n", "t.tsv", header=True).columns.to_pydict() == {"a": ["1,5"], "b": [2]}


@pytest.mark.parametrize(
    ("name", "text"),
    [("t.csv.gz", b"a,b\n1,2\n"), ("T.CSV.GZ", b"a,b\n1,2\n"), ("t.tsv.gz", b"a\tb\n1\t2\n")],
)
def test_a_table_is_unpacked_when_it_is_gzipped(name: str, text: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(text))
    assert read_table(tmp_path / name, header=None).columns.to_pydict() == {"a": [1], "b": [2]}


def test_floats_are_the_nearest_ones_when_read_from_csv(tmp_path: Path) -> None:
    texts = ["0.1", "1e-320", "0.30000000000000004", "9007199254740993.0", "5e-324", "123456789.12345678"]
    table = read(tmp_path, "a,b\n" + "".join(f"{text},1\n" for text in texts))
    assert table.columns["a"].to_pylist() == [float(text) for text in texts]


def test_only_empty_cells_are_missing_and_words_stay_text_when_read_from_csv(tmp_path: Path) -> None:
    table = read(tmp_path, 'a,b,c\ntrue,1,2\nNA,,""\nFALSE,null,3\n', header=True)
    assert table.columns.to_pydict() == {"a": ["true", "NA", "FALSE"], "b": ["1", None, "null"], "c": [2, None, 3]}


def test_the_missing_texts_are_those_of_pandas() -> None:
    assert sorted(MISSING_TEXTS) == sorted(STR_NA_VALUES)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("a,b\n1,2\n3\n", "t.csv", "Row #3: Expected 2 columns, got 1"),
        ("a,b\n1,2\n3,4,5\n", "t.csv", "Row #3: Expected 2 columns, got 3"),
        ("", "t.csv", "is empty"),
        ("a,b\n", "t.csv", "has no rows"),
        ("a,b\n1,2\n", "t.xlsx", r"\.csv"),
        ("a,b\n1,2\n", "t.parquet", "failed to read .* as Parquet"),
        ("a,b\n1,2\n", "t.csv.gz", "failed to read"),
    ],
)
def test_a_file_is_refused_when_it_is_no_table(text: str, name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, text, name, header=True)
    assert str(tmp_path / name) in caught.value.message
    assert caught.value.hint


WINDOWS = "Größe;Köln\n1,5;ja\n;nein\n"


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "the encoding is utf-16, by its byte order mark"),
        ("cp1252", "not UTF-8, read as windows-1252; if letters are wrong, set another one: --set data.enc"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", ["", "\n\n", "sep=;\n", "# rents\n# of 2020\n", ";;\n;;\n"])
def test_a_table_is_the_same_in_each_encoding_and_with_each_line_end(
    encoding: str, note: str | None, end: str, before: str, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_bytes((before + WINDOWS).replace("\n", end).encode(encoding))
    table = read_table(tmp_path / "t.csv", header=True)
    assert table.columns.to_pydict() == {"Größe": ["1,5", None], "Köln": ["ja", "nein"]}
    assert [one for one in table.notes if "encoding" in one or "UTF" in one] == [
        one for one in table.notes if note and note in one
    ]
    assert any(note in one for one in table.notes) if note else True


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_the_separator_is_found_and_named_when_it_is_another_one(separator: str, name: str, tmp_path: Path) -> None:
    rows = [["a", "b", "c"], ["1.5", "x y", "2020-01-02"], ["2.5", "z", "2020-01-03"]]
    table = read(tmp_path, "".join(separator.join(row) + "\n" for row in rows), name)
    assert table.columns.column_names == ["a", "b", "c"]
    usual = "," if name == "t.csv" else "\t"
    assert any("is the separator" in note for note in table.notes) == (separator != usual)


def test_the_separator_and_the_encoding_are_as_configured_when_they_are(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("ä:b;c\n1:2\n".encode("cp850"))
    table = read_table(tmp_path / "t.csv", header=True, options=TableOptions(separator=":", encoding="cp850"))
    assert table.columns.to_pydict() == {"ä": [1], "b;c": [2]}
    with pytest.raises(DataError, match="is not text in ascii"):
        read_table(tmp_path / "t.csv", header=True, options=TableOptions(separator=":", encoding="ascii"))


@pytest.mark.parametrize("separator", [" ", ":"])
def test_the_hint_names_a_rare_separator_that_reads_the_table(separator: str, tmp_path: Path) -> None:
    text = "a,b,c\n1.5,2,x\n2.5,3,y\n".replace(",", separator)
    with pytest.raises(DataError, match="has only one column") as caught:
        read(tmp_path, text)
    assert caught.value.hint == f"set another one: --set 'data.separator=\"{separator}\"'"
    table = read_table(tmp_path / "t.csv", header=None, options=TableOptions(separator=separator))
    assert table.columns.to_pydict() == {"a": [1.5, 2.5], "b": [2, 3], "c": ["x", "y"]}


def test_a_title_above_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the first line 'Rents of May' has one cell, like a title"):
        read(tmp_path, "Rents of May\na,b,c\n1,2,3\n")


def test_letters_of_windows_are_read_when_they_come_late_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"x,1\n" * 100_000 + "süß,1\n".encode("latin-1"))
    table = read_table(path, header=None)
    assert table.columns["a"][-1].as_py() == "süß"
    assert "windows-1252" in table.notes[0]


def test_the_setting_is_named_when_most_letters_are_not_of_western_europe(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("город,b\nМосква,1\nКазань,2\n".encode("cp1251"))
    with pytest.raises(DataError, match="is not UTF-8 text") as caught:
        read_table(tmp_path / "t.csv", header=None)
    encoding = caught.value.hint.rpartition("=")[2]
    table = read_table(tmp_path / "t.csv", header=None, options=TableOptions(encoding=encoding))
    assert table.columns.to_pydict() == {"город": ["Москва", "Казань"], "b": [1, 2]}


def test_binary_data_is_refused_when_it_is_called_csv(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\0\1\n1,2\n")
    with pytest.raises(DataError, match="NUL bytes"):
        read_table(tmp_path / "t.csv", header=None)


def test_names_of_rows_are_left_out_when_the_header_has_one_cell_less(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b\nr1,1,2\nr2,3,4\n")
    assert table.columns.to_pydict() == {"a": [1, 3], "b": [2, 4]}
    assert "names of rows" in table.notes[0]


@pytest.mark.parametrize("header", ["a,b\n", "a,b,\n", ""])
def test_a_separator_at_the_end_of_lines_makes_no_column(header: str, tmp_path: Path) -> None:
    table = read(tmp_path, header + "1,2,\n3,4,\n")
    names = ["a", "b"] if header else ["Column_0", "Column_1"]
    assert table.columns.to_pydict() == {names[0]: [1, 3], names[1]: [2, 4]}
    assert any("ends with a separator" in note for note in table.notes)


def test_comments_are_left_out_and_counted_when_they_stand_between_rows(tmp_path: Path) -> None:
    table = read(tmp_path, "# made in May\na,b\n1,2\n# a pause\n3,4\n")
    assert table.columns.to_pydict() == {"a": [1, 3], "b": [2, 4]}
    assert [note for note in table.notes if "comment" in note] == [
        "t.csv: 1 comment line before the table left out",
        "t.csv: 1 comment line left out",
    ]


def test_a_header_may_begin_with_a_number_sign(tmp_path: Path) -> None:
    assert read(tmp_path, "#id,b\n1,2\n3,4\n").columns.column_names == ["#id", "b"]


def test_leading_zeros_stay_when_integers_have_some(tmp_path: Path) -> None:
    table = read(tmp_path, "zip,n,t\n01067,1,10\n80331,2,0\n")
    assert table.columns.to_pydict() == {"zip": ["01067", "80331"], "n": [1, 2], "t": [10, 0]}


def test_a_near_file_is_suggested_when_there_is_none_of_the_name(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").touch()
    with pytest.raises(DataError, match=r"houses\.scv does not exist \(did you mean houses\.csv\?\)"):
        read_table(tmp_path / "houses.scv", header=None)
    with pytest.raises(DataError, match="is not a file"):
        read_table(tmp_path, header=None)


def test_the_row_index_is_left_out_when_pandas_saved_it_in_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=[5, 6])
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", header=None)
    assert table.columns.to_pydict() == {"a": [1, 2], "b": [3, 4]}
    assert "row index" in table.notes[0]


def test_folders_make_no_columns_when_they_are_called_like_partitions(tmp_path: Path) -> None:
    folder = tmp_path / "year=2020"
    folder.mkdir()
    pd.DataFrame({"a": [1], "b": [2]}).to_parquet(folder / "t.parquet")
    assert read_table(folder / "t.parquet", header=None).columns.column_names == ["a", "b"]


def test_data_header_is_refused_when_the_file_is_parquet(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1], "b": [2]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="always has column names"):
        read_table(tmp_path / "t.parquet", header=False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\nx,y\n", "it is text, like the lines below it"),
        ("?,1\n3,4\n", "it has '?' above a column of numbers, like a name, but also '1', like a value"),
    ],
)
def test_the_reason_of_doubt_and_both_settings_are_named(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert caught.value.message == f"{tmp_path}/t.csv: cannot tell whether the first line is a header: {why}"
    assert caught.value.hint == "--set data.header=true or --set data.header=false"


@pytest.mark.parametrize(
    ("name", "text", "message", "hint"),
    [
        (
            "t.csv",
            b"a\nb\n",
            '{0} has only one column: expected "," as separator',
            "set another one: --set 'data.separator=\";\"'",
        ),
        ("t.csv", b"", "{0} is empty", "check the file"),
        ("t.csv", b"\n\n", "{0} is empty", "check the file"),
        ("t.csv", b"a,b\n", "{0} has no rows", "check the file"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "failed to read {0} as CSV: ", "check the file"),
        ("t.parquet", b"a,b\n1,2\n", "failed to read {0} as Parquet: ", "check the file"),
        (
            "t.xlsx",
            b"",
            "{0} is not a table: expected a file that ends in .csv, .csv.gz, .tsv, .tsv.gz, .parquet, .pq",
            (
                "save it as CSV in its program, or: pip install openpyxl && python -c 'import pandas; "
                'pandas.read_excel("{0}").to_csv("t.csv", index=False)\''
            ),
        ),
    ],
)
def test_the_file_and_the_next_step_are_named_when_it_is_no_table(
    name: str, text: bytes, message: str, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(text)
    with pytest.raises(DataError) as caught:
        read_table(path, header=True if name.endswith("v") else None)
    assert caught.value.message.startswith(message.format(path))
    assert caught.value.hint == hint.format(path)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_the_rows_so_far_are_reported_when_a_table_has_many_blocks(tmp_path: Path, name: str) -> None:
    rows_written = 8_000_000  # 56 MB: Arrow's blocks have 16 MB
    content = b"a,b\n" + b"1,0.25\n" * rows_written
    (tmp_path / name).write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
    statuses: list[str] = []
    table = read_table(tmp_path / name, header=True, status=statuses.append)
    rows = [int(re.sub(rf"{name}: ([\d,]+) rows so far", r"\1", status).replace(",", "")) for status in statuses]
    assert len(rows) > 2
    assert rows == sorted(rows)
    assert rows[-1] == rows_written + 1  # with the header
    assert table.columns.num_rows == rows_written
