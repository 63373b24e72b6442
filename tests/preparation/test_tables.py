"""Read the user's CSV and Parquet files."""

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas._libs.parsers import STR_NA_VALUES  # type: ignore[import-not-found]

from lgbm_sm.errors import DataError
from lgbm_sm.preparation import tables
from lgbm_sm.preparation.table_header import MISSING_TEXTS
from lgbm_sm.preparation.tables import Table, read_table


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


def test_words_for_missing_are_missing_and_words_for_truth_stay_text_when_read_from_csv(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b\ntrue,1\nNA,\nFALSE,null\n", header=True)
    assert table.columns.to_pydict() == {"a": ["true", None, "FALSE"], "b": [1, None, None]}


def test_the_missing_texts_are_those_of_pandas() -> None:
    assert sorted(MISSING_TEXTS) == sorted(STR_NA_VALUES)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("a,b\n1,2\n3\n", "t.csv", "Row #3: Expected 2 columns, got 1"),
        ("a,b\n1,2\n3,4,5\n", "t.csv", "Row #3: Expected 2 columns, got 3"),
        ("a;b\n1;2\n", "t.csv", "uses ';' as separator, expected ','"),
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


def follow(hint: str, command: str, folder: Path) -> None:
    """Do what the hint says, in a folder."""
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    subprocess.run(
        ["sh", "-c", hint[hint.index(command) :]],
        cwd=folder,
        env={**os.environ, "PATH": programs},
        check=True,
        timeout=60,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.csv", 'it\'s "mine".csv'])
def test_the_hints_make_a_table_of_what_a_german_spreadsheet_saves(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes("Größe;Köln\n1,5;ja\n;nein\n".encode("cp1252"))
    with pytest.raises(DataError, match="not UTF-8") as encoded:
        read_table(path, header=None)
    follow(encoded.value.hint, "iconv", tmp_path)
    with pytest.raises(DataError, match="uses ';' as separator") as separated:
        read_table(tmp_path / f"utf8-{name}", header=None)
    follow(separated.value.hint, "python -c", tmp_path)
    table = read_table(tmp_path / f"commas-utf8-{name}", header=None)
    assert table.columns.to_pydict() == {"Größe": [1.5, None], "Köln": ["ja", "nein"]}


@pytest.mark.parametrize(("delimiter", "has_decimal_commas"), [(";", True), ("|", False)])
def test_the_hint_names_a_decimal_comma_where_a_spreadsheet_writes_one(
    delimiter: str, has_decimal_commas: bool, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="as separator, expected") as caught:
        read(tmp_path, f"a{delimiter}b\n1{delimiter}2\n")
    assert f'sep="{delimiter}"' in caught.value.hint
    assert ('decimal=","' in caught.value.hint) == has_decimal_commas


@pytest.mark.parametrize("rows_before", [0, 5000])
def test_a_csv_is_refused_when_it_is_not_utf8(rows_before: int, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"x,1\n" * rows_before + "süß,1\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_table(path, header=None)


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


COMMAS = 'save it with commas: python -c \'import pandas; pandas.read_csv("{0}", sep='


@pytest.mark.parametrize(
    ("name", "text", "message", "hint"),
    [
        (
            "t.csv",
            b"a\nb\n",
            "{0} has only one column: expected ',' as separator",
            "save the table with this separator",
        ),
        (
            "t.tsv",
            b"a,b\n1,2\n",
            "{0} has only one column: expected '\\t' as separator",
            "save the table with this separator",
        ),
        (
            "t.csv",
            b"a|b\n1|2\n",
            "{0} uses '|' as separator, expected ','",
            COMMAS + '"|").to_csv("commas-t.csv", index=False)\'',
        ),
        (
            "t.csv",
            b"a;b\n1;2\n",
            "{0} uses ';' as separator, expected ','",
            COMMAS + '";", decimal=",").to_csv("commas-t.csv", index=False)\'',
        ),
        (
            "t.csv",
            "a,ß\n1,2\n".encode("cp1252"),
            "{0} is not UTF-8 text",
            "save it as UTF-8, or convert it from Windows' encoding: iconv -f WINDOWS-1252 -t UTF-8 {0} > utf8-t.csv",
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
            "save the table as CSV with commas, or as Parquet",
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
def test_the_rows_so_far_are_reported_when_a_table_has_many_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(tables, "_BLOCK_BYTES", 1 << 12)
    text = "a,b\n" + "".join(f"{row},{row / 4}\n" for row in range(4000))
    opened = gzip.open if name.endswith(".gz") else open
    with opened(tmp_path / name, "wt", encoding="utf-8") as file:
        file.write(text)
    statuses: list[str] = []
    table = read_table(tmp_path / name, header=True, status=statuses.append)
    rows = [int(re.sub(rf"{name}: ([\d,]+) rows so far", r"\1", status).replace(",", "")) for status in statuses]
    assert len(rows) > 5
    assert rows == sorted(rows)
    assert rows[-1] == 4001  # with the header
    assert table.columns.to_pydict()["b"] == [row / 4 for row in range(4000)]
