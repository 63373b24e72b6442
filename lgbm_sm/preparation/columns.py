"""The columns of a table: numbers, or categories of text. Other types are refused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from lgbm_sm.preparation.problems import Problems
from lgbm_sm.preparation.schema import Feature
from lgbm_sm.preparation.table_header import MISSING_TEXTS

if TYPE_CHECKING:
    import pyarrow as pa

    from lgbm_sm.preparation.date_cells import DateChoice

EXACT_INTEGERS = 2**53  # LightGBM uses float64, which represents integers exactly up to this value
_SHOWN_ROWS = 5
_SHOWN_VALUES = 3
# a text column with more categories, nearly one per row, is probably an identifier
_IDENTIFIER_TEXTS = 20
_IDENTIFIER_SHARE = 0.9
AS_MISSING = ("missing", "count as missing")
AS_MISSING_TARGET = ("missing", "count as missing (with --set data.drop_missing_target=true)")
WRITE_ISO = "write the dates as 2020-01-31"
AS_ORDINAL = ("dates", "read as days since 1970")
_DATES = {
    AS_ORDINAL: "ordinal",
    ("dates", "read as year, month, day and weekday"): "parts",
}

# returns the name of a row for messages; the argument is the row's position, from 0
RowName: TypeAlias = Callable[[int], str]


class ColumnKind(StrEnum):
    """The kind of values in a column."""

    NUMBER = "numbers"
    TEXT = "text"
    DATE = "dates or times"
    EMPTY = "only missing values"
    OTHER = "values that are neither numbers nor text"


# maps (key of the section data, effect of the key) to (column, value to set)
Settings: TypeAlias = Mapping[tuple[str, str], tuple[str, str | Sequence[str]]]


@dataclass(frozen=True)
class Note:
    """A decision about how to read a column, and the setting that changes the decision.

    `key` is the setting, in the section data, and `value` is the value to set. `other` describes the effect. `about` is
    the column's name in the table, if the result has another name.
    """

    text: str
    other: str = ""
    key: str = ""
    value: tuple[str, ...] = ()
    is_warning: bool = False
    about: str = ""


@dataclass(frozen=True)
class Refusal:
    """Why a column cannot be read. `why` is the end of a sentence that begins with the column.

    `odd` are the cells that cannot be read. `keep` and `number` state whether data.categorical and data.numeric would
    help. `settings` are other settings that would help.
    """

    why: str
    odd: tuple[str, ...] = ()
    hint: str = ""
    keep: bool = False
    number: bool = False
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """A column, converted to the types that channel files have.

    The type of `cells` is int64, uint64, float64 (without NaN) or string (without empty strings). It can be another
    type only if `kind` is DATE, EMPTY or OTHER. Null is a missing cell. `missing` maps each text that was read as
    missing, except the empty text, to its number of cells. `is_categorical` is true if the file marks the numbers as
    categories. If the column contains dates as text, `dates` is their format, and `odd_dates` are the texts in other
    formats.
    """

    name: str
    kind: ColumnKind
    cells: "pa.ChunkedArray"
    missing: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    refusal: Refusal | None = None
    is_categorical: bool = False
    dates: "DateChoice | None" = None
    odd_dates: tuple[str, ...] = ()


def kind_of(data_type: "pa.DataType") -> ColumnKind:
    """Return the kind of an Arrow type. True and false count as text."""
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
    """Return the feature for the schema, or add the reason for a refusal to `problems`.

    Return None if the column is refused. `categorical` is true if data.categorical lists the column. Then its numbers
    are categories, and any text is accepted.
    """
    name = column.name
    missing = tuple(text for text in column.missing if column.kind is ColumnKind.TEXT or text not in MISSING_TEXTS)
    if column.refusal is not None:
        refuse(column, f"column {name!r}", problems, row_name, is_target=False)
    elif column.kind is ColumnKind.EMPTY:
        problems.add(f"column {name!r} contains {column.kind}", drop=name)
    elif column.kind is ColumnKind.DATE:
        is_ambiguous = column.dates is not None and column.dates.is_ambiguous
        settings = {} if is_ambiguous else {key: (name, value) for key, value in _DATES.items()}
        hint = f"to use them, {WRITE_ISO}: each may be month/day or day/month" if is_ambiguous else ""
        problems.add(f"column {name!r} contains {column.kind}{_first_date(column)}", hint, settings=settings, drop=name)
    elif column.kind is ColumnKind.OTHER:
        problems.add(f"column {name!r} contains {column.kind} (type {column.cells.type})", drop=name)
    elif column.kind is ColumnKind.TEXT:
        categories = text_categories(column, problems, categorical=categorical)
        return Feature(name=name, type="categorical", levels=categories, missing=missing) if categories else None
    elif not refuse_infinite(column, problems, row_name):
        if not (categorical or column.is_categorical):
            return Feature(name=name, type="numeric", missing=missing)
        levels = number_categories(column, problems)
        return Feature(name=name, type="categorical", levels=levels, missing=missing)
    return None


def refuse(column: Column, subject: str, problems: Problems, row_name: RowName, *, is_target: bool) -> None:
    """Add the column's refusal to `problems`. For a target, do not suggest data.categorical."""
    refusal = column.refusal
    if refusal is None:
        return
    cells = f": {odd_cells(column, refusal.odd, row_name)}" if refusal.odd else ""
    settings = dict(refusal.settings)
    if is_target and AS_MISSING in settings:
        settings[AS_MISSING[0], f"{AS_MISSING[1]} (with --set data.drop_missing_target=true)"] = settings.pop(
            AS_MISSING
        )
    problems.add(
        f"{subject} {refusal.why}{cells}",
        refusal.hint,
        keep=column.name if refusal.keep and not is_target else None,
        number=column.name if refusal.number else None,
        settings=settings,
    )


def odd_cells(column: Column, odd: Sequence[str], row_name: RowName) -> str:
    """Return the first odd texts, each with its first row and the number of its other rows."""
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(column.cells)
    shown = []
    for text in odd[:_SHOWN_VALUES]:
        rows = positions_where(pc.equal(trimmed, text))
        more = f" and {len(rows) - 1:,} more" if len(rows) > 1 else ""
        shown.append(f"{text!r:.60} ({row_name(rows[0])}{more})")
    return ", ".join(shown) + (f", … ({len(odd):,} different ones)" if len(odd) > _SHOWN_VALUES else "")


def _first_date(column: Column) -> str:
    if column.dates is None:
        return ""
    first = column.cells.drop_null()[0].as_py()
    return f", as text ({first!r}, {column.dates.format.words})"


def text_categories(column: Column, problems: Problems, *, categorical: bool) -> tuple[str, ...]:
    """Return the unique texts of a column, sorted. If the column is refused, return []."""
    texts: list[str] = sorted(column.cells.drop_null().unique().to_pylist())
    name, count = column.name, len(texts)
    if any(char in text for text in texts for char in "\r\0"):
        problems.add(f"column {name!r} has text with a carriage return or NUL", "remove these characters", drop=name)
        return ()
    if categorical:
        return tuple(texts)
    rows = len(column.cells) - column.cells.null_count
    if count > _IDENTIFIER_TEXTS and count > _IDENTIFIER_SHARE * rows:
        problems.add(
            f"column {name!r} has {count} different texts in {rows} rows, like an identifier: {some_values(texts)}",
            drop=name,
            keep=name,
        )
        return ()
    return tuple(texts)


def number_categories(column: Column, problems: Problems) -> tuple[int | float, ...]:
    """Return the unique numbers of a column, sorted. -0.0 is 0.0."""
    numbers: list[int | float] = sorted({number + 0 for number in column.cells.drop_null().unique().to_pylist()})
    if len({float(number) for number in numbers}) < len(numbers):
        problems.add(
            f"column {column.name!r} has numbers that differ only beyond 2^53, the limit of LightGBM's float64",
            "save them as text",
        )
    return tuple(numbers)


def refuse_infinite(column: Column, problems: Problems, row_name: RowName) -> bool:
    """Return whether a column has infinite numbers. If it has, add the reason to `problems`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(column.cells.type):
        return False
    rows = positions_where(pc.is_inf(column.cells))
    if rows:
        problems.add(
            f"column {column.name!r} has infinite values in {some_rows(rows, row_name)}",
            settings={AS_MISSING: (column.name, ("inf", "-inf"))},
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
    """Return the names of the first few rows, and the number of other rows."""
    more = len(positions) - _SHOWN_ROWS
    return ", ".join(map(row_name, positions[:_SHOWN_ROWS])) + (f" and {more:,} more" if more > 0 else "")


def some_values(values: Sequence[object]) -> str:
    """Return the first few values as Python writes them."""
    return ", ".join(f"{value!r:.60}" for value in values[:_SHOWN_VALUES]) + (
        ", …" if len(values) > _SHOWN_VALUES else ""
    )
