"""Columns of generated tables, compared with what pandas reads when it is told how they are spelled."""

import csv
import io
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lgbm_sm.preparation.column_reading import read_column
from lgbm_sm.preparation.columns import Column, ColumnKind
from lgbm_sm.preparation.tables import read_table

ROWS = 30
# pandas itself reads neither signs nor these texts; they are told to it as na_values
TOKENS = ("", "NA", "n/a", "?", "-", "null", "#DIV/0!", "missing")


@dataclass(frozen=True)
class Spelling:
    """How a table is written; `quoting` is the csv module's."""

    separator: str
    decimal: str
    thousands: str
    token: str
    encoding: str
    end: str
    quoting: int

    def number(self, value: float) -> str:
        """With two decimals, so that it can be read in one way."""
        text = f"{value:,.2f}" if self.thousands else f"{value:.2f}"
        return text.translate({ord(","): self.thousands or None, ord("."): self.decimal})


@st.composite
def spellings(draw: st.DrawFn) -> Spelling:
    decimal = draw(st.sampled_from(".,"))
    return Spelling(
        separator=draw(st.sampled_from(",;\t|")),
        decimal=decimal,
        thousands=draw(st.sampled_from(["", "'", " ", "\u00a0", "," if decimal == "." else "."])),
        token=draw(st.sampled_from(TOKENS)),
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])),
        end=draw(st.sampled_from(["\n", "\r\n"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )


NUMBERS = st.lists(
    st.none() | st.integers(-(10**9), 10**9).map(lambda hundredths: hundredths / 100),
    min_size=ROWS,
    max_size=ROWS,
).filter(lambda cells: sum(cell is not None for cell in cells) > ROWS // 2)
INTEGERS = st.lists(st.integers(-(10**6), 10**6), min_size=ROWS, max_size=ROWS)
WORDS = st.lists(st.sampled_from(["rot", "grün", "NA", "None", "a b", "x,y"]), min_size=ROWS, max_size=ROWS)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("tables") / "t.csv"


@settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much], database=None
)
@given(spelling=spellings(), numbers=NUMBERS, integers=INTEGERS, words=WORDS)
def test_columns_are_what_pandas_reads_when_it_is_told_the_truth(
    path: Any, spelling: Spelling, numbers: list[float | None], integers: list[int], words: list[str]
) -> None:
    text = io.StringIO()
    table = csv.writer(text, delimiter=spelling.separator, lineterminator=spelling.end, quoting=spelling.quoting)  # type: ignore[arg-type]  # pandas-stubs' constants
    table.writerow(["number", "integer", "word"])
    for number, integer, word in zip(numbers, integers, words, strict=True):
        table.writerow([spelling.token if number is None else spelling.number(number), integer, word])
    path.write_bytes(text.getvalue().encode(spelling.encoding))
    told = pd.read_csv(
        io.StringIO(text.getvalue().replace("\u00a0", " ")),  # pandas takes one byte
        sep=spelling.separator,
        decimal=spelling.decimal,
        thousands=spelling.thousands.replace("\u00a0", " ") or None,
        na_values={"number": list(TOKENS)},
        keep_default_na=False,
    )
    read = read_table(path, header=True).columns
    columns = {name: read_column(name, read.column(name)) for name in ("number", "integer", "word")}
    assert not any(column.refusal for column in columns.values())
    assert [column.kind for column in columns.values()] == [ColumnKind.NUMBER, ColumnKind.NUMBER, ColumnKind.TEXT]
    for name, column in columns.items():
        assert cells(column) == [None if cell != cell else cell for cell in told[name].tolist()]  # noqa: PLR0124 - NaN
    missing = sum(number is None for number in numbers)
    assert dict(columns["number"].missing) == ({spelling.token: missing} if spelling.token and missing else {})


def cells(column: Column) -> list[Any]:
    found: list[Any] = column.cells.to_pylist()
    return found
