"""The columns of a table: numbers, or text as categories; other types are refused."""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from lgbm_sm.preparation.problems import Problems
from lgbm_sm.preparation.schema import Feature
from lgbm_sm.preparation.table_header import is_number

if TYPE_CHECKING:
    import pyarrow as pa

EXACT_INTEGERS = 2**53  # float64, which LightGBM uses, represents integers exactly up to here
_SHOWN_ROWS = 5
_SHOWN_VALUES = 3
# a text column with more categories than this, nearly one per row, identifies rows instead of grouping them
_IDENTIFIER_TEXTS = 20
_IDENTIFIER_SHARE = 0.9
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}.*", re.DOTALL)
_DATE_HINT = "derive numbers from dates (year, month, weekday, days since …), or leave them out"

# the name of a row in messages, by its position from 0
RowName: TypeAlias = Callable[[int], str]


class ColumnKind(StrEnum):
    """The kind of values in a column."""

    NUMBER = "numbers"
    TEXT = "text"
    DATE = "dates or times"
    EMPTY = "only missing values"
    OTHER = "values that are neither numbers nor text"


@dataclass(frozen=True)
class Column:
    """A column in the types in which files are written.

    `cells` are int64, uint64, float64 without NaN, or string without empty ones (of another type only if `kind` is
    DATE, EMPTY or OTHER); null is a missing cell.
    """

    name: str
    kind: ColumnKind
    cells: "pa.ChunkedArray"


def read_column(name: str, cells: "pa.ChunkedArray") -> Column:
    """Convert a column of any Arrow type.

    True and false become text, decimals floats, NaN and empty text null.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    kind = kind_of(cells.type)
    if pa.types.is_boolean(cells.type):
        cells = pc.if_else(cells, "True", "False")
    elif kind is ColumnKind.TEXT:
        cells = cells.cast(pa.large_string())
        cells = pc.if_else(pc.equal(cells, ""), None, cells)
    elif pa.types.is_uint64(cells.type):
        pass
    elif pa.types.is_integer(cells.type):
        cells = cells.cast(pa.int64())
    elif kind is ColumnKind.NUMBER:
        cells = cells.cast(pa.float64())
        if pc.any(pc.is_nan(cells)).as_py():
            cells = pc.if_else(pc.is_nan(cells), None, cells)
    if kind in (ColumnKind.NUMBER, ColumnKind.TEXT) and cells.null_count == len(cells):
        kind = ColumnKind.EMPTY
    return Column(name, kind, cells)


def kind_of(data_type: "pa.DataType") -> ColumnKind:
    """Return the kind of an Arrow type; true and false count as text."""
    from pyarrow import types

    if types.is_dictionary(data_type):
        return kind_of(data_type.value_type)
    if types.is_integer(data_type) or types.is_floating(data_type) or types.is_decimal(data_type):
        return ColumnKind.NUMBER
    if types.is_boolean(data_type) or types.is_string(data_type) or types.is_large_string(data_type):
        return ColumnKind.TEXT
    if types.is_string_view(data_type):
        return ColumnKind.TEXT
    if types.is_temporal(data_type):
        return ColumnKind.DATE
    return ColumnKind.EMPTY if types.is_null(data_type) else ColumnKind.OTHER


def describe_feature(column: Column, problems: Problems, row_name: RowName, *, categorical: bool) -> Feature | None:
    """Return the feature for the schema; None if it is refused, with the reason in `problems`.

    `categorical`: it is listed in data.categorical, so its numbers are categories, and any text is accepted.
    """
    name = column.name
    if column.kind is ColumnKind.EMPTY:
        problems.add(f"column {name!r} contains {column.kind}", drop=name)
    elif column.kind is ColumnKind.DATE:
        problems.add(f"column {name!r} contains {column.kind}", _DATE_HINT, drop=name)
    elif column.kind is ColumnKind.OTHER:
        problems.add(f"column {name!r} contains {column.kind} (type {column.cells.type})", drop=name)
    elif column.kind is ColumnKind.TEXT:
        categories = text_categories(column, problems, categorical=categorical)
        return Feature(name=name, type="categorical", levels=categories) if categories else None
    elif not refuse_infinite(column, problems, row_name):
        if not categorical:
            return Feature(name=name, type="numeric")
        return Feature(name=name, type="categorical", levels=number_categories(column, problems))
    return None


def text_categories(column: Column, problems: Problems, *, categorical: bool) -> tuple[str, ...]:
    """Return the different texts of a column, sorted; empty if they are refused."""
    texts: list[str] = sorted(column.cells.drop_null().unique().to_pylist())
    name, count = column.name, len(texts)
    if any(char in text for text in texts for char in "\r\0"):
        problems.add(f"column {name!r} has text with a carriage return or NUL", "remove these characters", drop=name)
        return ()
    if all(map(_is_iso_date, texts)):
        problems.add(f"column {name!r} contains dates or times, as text ({texts[0]!r})", _DATE_HINT, drop=name)
        return ()
    if categorical:
        return tuple(texts)
    if words := texts_among_numbers(texts):
        problems.add(
            f"column {name!r} contains numbers, but also text: {some_values(words)}",
            "fix the cells that are not numbers (an empty cell is a missing number), or leave the column out",
            keep=name,
        )
        return ()
    rows = len(column.cells) - column.cells.null_count
    if count > _IDENTIFIER_TEXTS and count > _IDENTIFIER_SHARE * rows:
        problems.add(
            f"column {name!r} has {count} different texts in {rows} rows, like an identifier: {some_values(texts)}",
            drop=name,
            keep=name,
        )
        return ()
    return tuple(texts)


def texts_among_numbers(texts: Sequence[str]) -> list[str]:
    """Return the texts that are not numbers if most are; otherwise none."""
    words = [text for text in texts if not is_number(text)]
    return words if len(words) < len(texts) / 2 else []


def number_categories(column: Column, problems: Problems) -> tuple[int | float, ...]:
    """Return the different numbers of a column, sorted."""
    numbers: list[int | float] = sorted(column.cells.drop_null().unique().to_pylist())
    if len({float(number) for number in numbers}) < len(numbers):
        problems.add(
            f"column {column.name!r} has numbers that differ only beyond 2^53, the limit of LightGBM's float64",
            "save them as text",
        )
    return tuple(numbers)


def refuse_infinite(column: Column, problems: Problems, row_name: RowName) -> bool:
    """Return whether a column has infinite numbers; if so, add the reason to `problems`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(column.cells.type):
        return False
    rows = positions_where(pc.is_inf(column.cells))
    if rows:
        problems.add(
            f"column {column.name!r} has infinite values in {some_rows(rows, row_name)}",
            "replace infinite values, or leave their cells empty (missing)",
        )
    return bool(rows)


def is_inexact(column: Column) -> bool:
    """Return whether a column has integers that float64 cannot represent exactly."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_integer(column.cells.type):
        return False
    extremes = pc.min_max(column.cells).as_py()
    return bool(max(extremes["max"], -extremes["min"]) > EXACT_INTEGERS)


def positions_where(condition: Any) -> list[int]:
    """Return the positions (from 0) of the true cells of a boolean Arrow column."""
    import pyarrow.compute as pc

    positions: list[int] = pc.indices_nonzero(condition.combine_chunks()).to_pylist()
    return positions


def some_rows(positions: Sequence[int], row_name: RowName) -> str:
    """Return the names of the first few rows, and the number of the others."""
    more = len(positions) - _SHOWN_ROWS
    return ", ".join(map(row_name, positions[:_SHOWN_ROWS])) + (f" and {more:,} more" if more > 0 else "")


def some_values(values: Sequence[object]) -> str:
    """Return the first few values as Python writes them."""
    return ", ".join(f"{value!r:.60}" for value in values[:_SHOWN_VALUES]) + (
        ", …" if len(values) > _SHOWN_VALUES else ""
    )


def _is_iso_date(text: str) -> bool:
    if not _ISO_DATE.fullmatch(text):
        return False
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
