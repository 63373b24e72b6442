"""Convert the cells of one column to those that the server reads."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lgbm_sm.config.sections import DateReading
from lgbm_sm.invocation.model_columns import DATE_PARTS, READING_KEYS, ModelColumns
from lgbm_sm.preparation.column_reading import read_column
from lgbm_sm.preparation.column_settings import ColumnSettings
from lgbm_sm.preparation.columns import AS_MISSING, Column, ColumnKind, odd_cells, refuse, refuse_infinite
from lgbm_sm.preparation.date_columns import columns_of_dates
from lgbm_sm.preparation.missing_tokens import are_tokens
from lgbm_sm.preparation.problems import Problems
from lgbm_sm.progress import Reporter

if TYPE_CHECKING:
    import pyarrow as pa


class ReadingProblems(Problems):
    """Problems of a table to predict. It cannot leave out columns, or read them as other kinds than in training."""

    def add(
        self,
        message: str,
        hint: str = "",
        *,
        settings: Mapping[tuple[str, str], tuple[str, str | Sequence[str]]] = {},
        **_: str | int | None,
    ) -> None:
        """See Problems."""
        usable = {key: value for key, value in settings.items() if key[0] in READING_KEYS}
        super().add(message, hint, settings=usable)


def number_cells(
    name: str, cells: "pa.ChunkedArray", settings: ColumnSettings, problems: Problems, reporter: Reporter
) -> "pa.ChunkedArray":
    """Return the numbers of a column; cells that are none are added to `problems`."""
    column = read_column(name, cells, settings)
    if column.kind is ColumnKind.DATE and settings.dates is DateReading.ORDINAL:
        column = next(iter(columns_of_dates(column, settings, problems, row_name)), _empty(column))
    _note(column, reporter)
    if column.kind is ColumnKind.EMPTY or _is_all_missing(column, settings):
        return _empty(column).cells
    if column.refusal is not None and not column.refusal.odd:
        refuse(column, f"column {name!r}", problems, row_name, is_target=False)
    elif column.kind is not ColumnKind.NUMBER or column.refusal is not None:
        _refuse_texts(column, "numbers", problems)
    else:
        refuse_infinite(column, problems, row_name)
    return column.cells


def date_parts(
    name: str, cells: "pa.ChunkedArray", settings: ColumnSettings, problems: Problems, reporter: Reporter
) -> dict[str, "pa.ChunkedArray"]:
    """Return the columns of numbers that are made of a column of dates."""
    import pyarrow.compute as pc

    column = read_column(name, cells, settings)
    if column.kind is ColumnKind.EMPTY or _is_all_missing(column, settings):
        return {f"{name}_{part}": _empty(column).cells for part in DATE_PARTS}
    if column.kind is not ColumnKind.DATE:
        _refuse_texts(column, "dates", problems)
        return {}
    made = columns_of_dates(column, settings, problems, row_name)
    for one in made:
        _note(one, reporter)
    found = {one.name: one.cells for one in made}
    if made:  # dates of which none has a time are at midnight
        midnight = pc.multiply(made[0].cells, 0)
        found = {**{f"{name}_{part}": midnight for part in ("hour", "minute")}, **found}
    return found


def category_cells(cells: "pa.ChunkedArray", settings: ColumnSettings) -> "pa.ChunkedArray":
    """Return the categories of a column, spelled as in JSON: true, and 1 for the number 1.0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_boolean(cells.type):
        cells = pc.if_else(cells, "true", "false")
    elif pa.types.is_floating(cells.type) or pa.types.is_decimal(cells.type):
        texts = [None if value is None or math.isnan(value) else _plain(value) for value in cells.to_pylist()]
        cells = pa.chunked_array([pa.array(texts, pa.large_string())])
    texts_of = cells.cast(pa.large_string())
    missing = are_tokens(texts_of, settings.missing, of_numbers=False)
    return pc.if_else(missing, None, texts_of)


def label_cells(
    cells: "pa.ChunkedArray", columns: ModelColumns, settings: ColumnSettings, problems: Problems
) -> list[str | None]:
    """Return the labels as text; None if one is missing."""
    is_text = any(isinstance(value, str) for value in columns.classes)
    column = read_column(columns.target, cells, replace(settings, is_numeric=not is_text, is_categorical=is_text))
    if column.kind is ColumnKind.EMPTY:
        return [None] * len(cells)
    if column.kind is ColumnKind.DATE and settings.dates is not None:
        in_days = replace(settings, dates=DateReading.ORDINAL)
        column = next(iter(columns_of_dates(column, in_days, problems, row_name)), column)
    if not is_text and (column.kind is not ColumnKind.NUMBER or column.refusal is not None):
        _refuse_texts(column, "numbers", problems)
        return [None] * len(cells)
    return [None if value is None else _plain(value) for value in column.cells.to_pylist()]


def row_name(position: int) -> str:
    """Return the name of a row in messages."""
    return f"row {position + 1}"


def _plain(value: Any) -> str:
    return str(int(value)) if not isinstance(value, str) and value == int(value) else str(value)


def _empty(column: Column) -> Column:
    import pyarrow as pa

    return replace(column, kind=ColumnKind.EMPTY, cells=pa.chunked_array([pa.nulls(len(column.cells), pa.float64())]))


def _is_all_missing(column: Column, settings: ColumnSettings) -> bool:
    """Return whether a column of text has only texts that are missing in a column of numbers."""
    import pyarrow.compute as pc

    if column.kind is not ColumnKind.TEXT or column.refusal is not None:
        return False
    return bool(pc.all(are_tokens(column.cells.drop_null(), settings.missing, of_numbers=True)).as_py())


def _refuse_texts(column: Column, wanted: str, problems: Problems) -> None:
    """Add the cells that are not `wanted` to the problems."""
    odd: tuple[str, ...] = column.refusal.odd if column.refusal else ()
    if not odd and column.kind is ColumnKind.TEXT:
        odd = tuple(column.cells.drop_null().unique().to_pylist())
    shown = odd_cells(column, odd, row_name) if odd else str(column.kind)
    problems.add(
        f"column {column.name!r} must contain {wanted}, but contains {shown}",
        settings={AS_MISSING: (column.name, odd[:20])} if odd else {},
    )


def _note(column: Column, reporter: Reporter) -> None:
    for note in column.notes:
        if not note.is_warning:  # training has warned of numbers such as -999
            reporter.detail(f"{column.name}: {note.text}")
