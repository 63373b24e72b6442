"""Training reads the channels, and refuses invalid files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lgbm_runtime.core.schema import Feature, Schema
from lgbm_runtime.paths import ContainerPaths
from lgbm_runtime.training.channel_rows import chunks_of, read_chunk
from lgbm_runtime.training.channels import Channel, read_channels, read_schema
from lgbm_runtime.training.failure import TrainingError
from tests.runtime.training_jobs import Matrix, csv_text, make_job, numeric, schema_for

COLOURS = {"name": "colour", "type": "categorical", "levels": ["blue", "red"]}


@dataclass(frozen=True)
class Table:
    files: tuple[str, ...]
    features: Matrix
    labels: Matrix


@dataclass(frozen=True)
class Tables:
    columns: Schema
    named: bool
    train: Table
    validation: Table | None


def all_rows(channel: Channel, columns: Schema) -> Table:
    parts = [read_chunk(chunk, columns) for chunk in channel.chunks]
    features, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    assert len(labels) == channel.rows
    return Table(channel.files, features, labels)


def read_root(root: Path) -> Tables:
    paths = ContainerPaths(root)
    channels = read_channels(paths, read_schema(paths))
    tables = [all_rows(channel, channels.columns) for channel in channels.given]
    return Tables(channels.columns, channels.named, tables[0], tables[1] if len(tables) > 1 else None)


def read(
    root: Path, train: Mapping[str, str], validation: Mapping[str, str] | None = None, schema: Any = None
) -> Tables:
    channels = {"train": train} if validation is None else {"train": train, "validation": validation}
    return read_root(make_job(root, {}, channels, schema).root)


def read_rows(path: Path, label: str, columns: Schema, chunk_bytes: int | None = None) -> Matrix:
    chunks = chunks_of(path, label, columns, chunk_bytes)
    parts = [read_chunk(chunk, columns) for chunk in chunks]
    assert [chunk.rows for chunk in chunks] == [len(labels) for _, labels in parts]
    assert [chunk.first_row for chunk in chunks] == np.cumsum([0] + [chunk.rows for chunk in chunks])[:-1].tolist()
    return np.concatenate([np.column_stack(part) for part in parts])


def refusal(root: Path, train: Mapping[str, str], schema: Any = None) -> str:
    with pytest.raises(TrainingError) as refused:
        read(root, train, schema=schema)
    return str(refused.value)


def test_columns_are_numbered_and_the_target_is_last_when_there_is_no_schema(tmp_path: Path) -> None:
    channels = read(tmp_path, {"a.csv": "1,2,10\n3,,20\n"}, {"b.csv": "5,6,30\n"})

    assert channels.columns.feature_names == ["Column_0", "Column_1"]
    assert not channels.named
    np.testing.assert_array_equal(channels.train.features, [[1, 2], [3, np.nan]])
    np.testing.assert_array_equal(channels.train.labels, [10, 20])
    assert channels.validation is not None
    np.testing.assert_array_equal(channels.validation.features, [[5, 6]])


def test_names_come_from_the_header_when_there_is_no_schema(tmp_path: Path) -> None:
    channels = read(tmp_path, {"a.csv": "x,y,price\n1,2,10\n", "b.csv": "price,y,x\n20,4,3\n", "c.csv": "5,6,30\n"})

    assert channels.columns.feature_names == ["x", "y"]
    assert channels.named
    np.testing.assert_array_equal(channels.train.features, [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(channels.train.labels, [10, 20, 30])


def test_files_are_read_in_the_order_of_their_paths_when_they_lie_in_folders(tmp_path: Path) -> None:
    files = {
        "b/part-00001": "3,30\n",
        "b/part-00000": "2,20\n",
        "a.csv": "1,10\n",
        "c/d/e.TXT": "4,40\n",
        "b/part-2": "",
    }
    files |= {"_SUCCESS": "", ".hidden.csv": "x", "_temporary/0.csv": "9,9\n", ".cache/z.csv": "9,9\n"}
    channels = read(tmp_path, files)

    assert channels.train.files == ("a.csv", "b/part-00000", "b/part-00001", "b/part-2", "c/d/e.TXT")
    np.testing.assert_array_equal(channels.train.labels, [10, 20, 30, 40])


def test_links_are_followed_when_a_channel_is_made_of_them(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "more.csv").write_text("2,20\n")
    root = make_job(tmp_path / "job", {}, {"train": {"a.csv": "1,10\n"}}).root
    folder = root / "input" / "data" / "train"
    (folder / "linked").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    channels = read_root(root)

    assert channels.train.files == ("a.csv", "linked/more.csv")
    np.testing.assert_array_equal(channels.train.labels, [10, 20])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("b.csv.gz", "compressed files are not supported; unpack them"),
        ("b.parquet", "only .csv and .txt files are supported"),
        ("deep/notes.md", "only .csv and .txt files are supported"),
    ],
)
def test_a_file_of_another_kind_is_refused_when_it_lies_in_a_channel(tmp_path: Path, name: str, reason: str) -> None:
    assert refusal(tmp_path, {"a.csv": "1,10\n", name: "x"}) == f"channel train holds {name}: {reason}"


def test_a_channel_is_refused_when_it_is_missing_or_empty(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="channel train is missing"):
        read_channels(ContainerPaths(tmp_path), None)
    assert "channel train holds no files" in refusal(tmp_path / "a", {"_SUCCESS": ""})
    assert "channel train holds no rows" in refusal(tmp_path / "b", {"a.csv": "\n"})
    assert "channel train holds no rows" in refusal(tmp_path / "c", {"a.csv": "x,y\n"})
    assert "only one column" in refusal(tmp_path / "d", {"a.csv": "1\n2\n"})


def test_text_becomes_codes_when_the_schema_lists_levels_and_classes(tmp_path: Path) -> None:
    text = 'red,1.5,yes\n,2.5,no\nblue,,"yes"\n'
    schema = schema_for([COLOURS, *numeric("size")], ["no", "yes"], {"train": ("t.csv", text)})
    channels = read(tmp_path, {"t.csv": text}, schema=schema)

    np.testing.assert_array_equal(channels.train.features, [[1, 1.5], [np.nan, 2.5], [0, np.nan]])
    np.testing.assert_array_equal(channels.train.labels, [1, 0, 1])


def test_named_columns_are_put_in_order_when_a_file_has_them_in_another(tmp_path: Path) -> None:
    text = csv_text([[10, 1.5, "red"], [20, 2.5, "blue"]], header=["price", "size", "colour"])
    schema = schema_for([COLOURS, *numeric("size")], None, {}, target="price")
    channels = read(tmp_path, {"named.csv": text, "plain.csv": "red,3.5,30\n"}, schema=schema)

    np.testing.assert_array_equal(channels.train.features, [[1, 1.5], [0, 2.5], [1, 3.5]])
    np.testing.assert_array_equal(channels.train.labels, [10, 20, 30])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("red,1,yes\npurple,2,no\n", ["t.csv", "colour", "purple"]),
        ("red,1,yes\nred,2,maybe\n", ["t.csv", "row 2", "target", "maybe"]),
        ("red,1,yes\nred,2,\n", ["t.csv", "row 2", "target"]),
        ("red,1,yes\nred,two,no\n", ["t.csv", "row 2", "size", "two"]),
        ("red,1,yes\nred,2,3,no\n", ["t.csv", "row 2", "4", "3"]),
        ("colour,size,label\nred,1,yes\n", ["t.csv", "target", "label"]),
    ],
)
def test_file_row_and_value_are_named_when_a_cell_does_not_suit_the_schema(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    schema = schema_for([COLOURS, *numeric("size")], ["no", "yes"], {"train": ("t.csv", text)})
    message = refusal(tmp_path, {"t.csv": text}, schema)

    assert all(word in message for word in words), message


@pytest.mark.parametrize("cell", ["", "NA", "nan"])
def test_a_numeric_target_is_refused_when_a_cell_of_it_is_missing(tmp_path: Path, cell: str) -> None:
    assert "a.csv: row 2, " in refusal(tmp_path, {"a.csv": f"1,10\n2,{cell}\n"})


@pytest.mark.parametrize("header", ["", "a,price\n", "price,a\n"])
def test_the_row_is_counted_from_the_start_of_the_file_when_it_is_read_in_chunks(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.csv"
    columns = Schema.without_channel(1, ["a"], "price")
    path.write_text(header + "0.25,0.5\n" * 100)
    whole, chunks = read_rows(path, "a.csv", columns), read_rows(path, "a.csv", columns, chunk_bytes=64)

    assert whole.tolist() == [[0.5, 0.25] if header.startswith("price") else [0.25, 0.5]] * 100
    np.testing.assert_array_equal(whole, chunks)
    with path.open("a") as file:
        file.write("x,1\n")
    with pytest.raises(TrainingError, match=r"^a\.csv: row 101, column "):
        read_rows(path, "a.csv", columns, chunk_bytes=64)


@pytest.mark.parametrize("chunk_bytes", range(1, 40))
def test_a_quoted_cell_keeps_its_line_break_when_a_chunk_would_end_in_it(tmp_path: Path, chunk_bytes: int) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"two\nlines",1,2\n"say ""so"", please\n",3,4\n' * 3)
    columns = Schema((Feature("text", ('say "so", please\n', "two\nlines")), Feature("size")))

    rows = read_rows(path, "a.csv", columns, chunk_bytes=chunk_bytes)
    assert rows.tolist() == [[1, 1, 2], [0, 3, 4]] * 3


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\ufeffgröße,price{}", '"größe","price"{}'])
def test_rows_are_the_same_when_lines_end_in_another_way(tmp_path: Path, line_break: str, start: str) -> None:
    columns = Schema.without_channel(1, ["größe"], "price")
    path = tmp_path / "a.csv"
    rows = line_break.join(f"{number},{number / 8}" for number in range(9))
    for end in ("", line_break):
        path.write_text(start.format(line_break) + rows + end, newline="")
        for chunk_bytes in (1, 5, 64, 1000):
            read = read_rows(path, "a.csv", columns, chunk_bytes=chunk_bytes)
            assert read.tolist() == [[number, number / 8] for number in range(9)]


@pytest.mark.parametrize("change", ["cell", "row"])
def test_prepare_data_is_asked_for_when_a_file_is_not_the_one_in_the_schema(tmp_path: Path, change: str) -> None:
    text = "1,10\n2,20\n"
    schema = schema_for(numeric("a"), None, {"train": ("t.csv", text)})
    other = text.replace("20", "21") if change == "cell" else text + "3,30\n"

    message = refusal(tmp_path, {"t.csv": other}, schema)
    assert "t.csv is not the file that schema.json describes: run prepare-data again" in message


def test_only_the_rows_are_counted_when_a_split_has_become_several_files(tmp_path: Path) -> None:
    schema = schema_for(numeric("a"), None, {"train": ("t.csv", "1,10\n2,20\n")})
    channels = read(tmp_path / "a", {"1.csv": "1,10\n", "2.csv": "2,20\n"}, schema=schema)

    assert len(channels.train.labels) == 2
    message = refusal(tmp_path / "b", {"1.csv": "1,10\n", "2.csv": "2,20\n3,30\n"}, schema)
    assert "channel train holds 3 rows, but schema.json lists 2: run prepare-data again" in message


def test_the_schema_channel_is_refused_when_it_is_not_one_schema(tmp_path: Path) -> None:
    for name, files, words in (
        ("a", {"schema.json": "{}"}, "schema.json: format_version must be 1, got None"),
        ("b", {"schema.json": "{"}, "schema.json is not valid JSON"),
        ("c", {"other.json": "{}"}, "must hold one file, schema.json, but holds other.json"),
        ("d", {"schema.json": "{}", "x.csv": ""}, "but holds schema.json, x.csv"),
    ):
        root = make_job(tmp_path / name, {}, {"schema": files}).root
        with pytest.raises(TrainingError, match=words):
            read_schema(ContainerPaths(root))


def test_a_file_is_refused_when_it_is_not_text_in_utf_8(tmp_path: Path) -> None:
    root = make_job(tmp_path, {}, {"train": {"a.csv": "1,10\n"}}).root
    (root / "input" / "data" / "train" / "b.csv").write_bytes(b"1,10\n\xff\xfe,20\n")

    with pytest.raises(TrainingError, match=r"b\.csv is not "):
        read_root(root)


def test_a_byte_order_mark_is_left_out_when_a_file_begins_with_one(tmp_path: Path) -> None:
    channels = read(tmp_path, {"a.csv": "\ufeffx,price\r\n1,10\r\n"})

    assert channels.columns.feature_names == ["x"]
    np.testing.assert_array_equal(channels.train.labels, [10])
