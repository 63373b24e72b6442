"""Convert columns of dates to columns of numbers. The key data.dates selects how."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lgbm_sm.config.sections import DateReading
from lgbm_sm.preparation.column_settings import ColumnSettings
from lgbm_sm.preparation.columns import (
    AS_MISSING,
    WRITE_ISO,
    Column,
    ColumnKind,
    Note,
    RowName,
    odd_cells,
    positions_where,
    some_rows,
)
from lgbm_sm.preparation.date_cells import DateFormat, ordinal, parsed, parts
from lgbm_sm.preparation.problems import Problems

if TYPE_CHECKING:
    import pandas as pd

_PARTS_OF_TIMES = ("hour", "minute")


def columns_of_dates(
    column: Column, settings: ColumnSettings, problems: Problems, row_name: RowName
) -> tuple[Column, ...]:
    """Convert a column of dates to columns of numbers.

    Return the column itself if data.dates is not set for it.

    Dates that cannot be read are added to `problems`.
    """
    name = column.name
    if column.kind is not ColumnKind.DATE or settings.dates in (None, DateReading.DROP):
        return (column,)
    if column.odd_dates:
        problems.add(
            f"column {name!r} contains dates, but also text: {odd_cells(column, column.odd_dates, row_name)}",
            settings={AS_MISSING: (name, column.odd_dates[:20])},
            drop=name,
        )
        return ()
    if column.dates is not None and column.dates.is_ambiguous:
        first = column.cells.drop_null()[0].as_py()
        problems.add(f"column {name!r}: {first} may be month/day or day/month, in every row", WRITE_ISO, drop=name)
        return ()
    times, form = _times(column)
    if wrong := positions_where_missing(column, times):
        problems.add(
            f"column {name!r} has dates that do not exist in {some_rows(wrong, row_name)}", WRITE_ISO, drop=name
        )
        return ()
    spelled = f"dates ({form.words})" if form else "dates"
    if settings.dates is DateReading.ORDINAL:
        note = Note(f"{spelled}, as days since 1970-01-01")
        return (_numbers(column, name, ordinal(times), note),)
    found = parts(times)
    if form is not None and form.words == "time of day":
        found = {part: found[part] for part in _PARTS_OF_TIMES}
    made = [_numbers(column, f"{name}_{part}", numbers) for part, numbers in found.items()]
    note = Note(f"{spelled}, as {', '.join(one.name for one in made)}", about=name)
    return (replace(made[0], notes=(note,)), *made[1:])


def positions_where_missing(column: Column, times: "pd.Series[Any]") -> list[int]:
    """Return the positions of cells that have a text, but no valid time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    unread = pa.chunked_array([pa.array(times.isna())])
    return positions_where(pc.and_(pc.is_valid(column.cells), unread))


def _times(column: Column) -> "tuple[pd.Series[Any], DateFormat | None]":
    """Return the time of each cell. A missing cell becomes NaT."""
    import pandas as pd
    import pyarrow as pa

    cells = column.cells
    if column.dates is not None:
        encoded = cells.combine_chunks().dictionary_encode()
        different = parsed(encoded.dictionary, column.dates.format)
        places = encoded.indices.to_pandas()
        return different.reindex(places).reset_index(drop=True), column.dates.format
    if pa.types.is_time(cells.type) or pa.types.is_duration(cells.type):
        cells = cells.cast(pa.time64("us") if pa.types.is_time(cells.type) else cells.type).cast(pa.int64())
        return pd.to_datetime(pd.Series(cells.to_pandas()), unit="us", utc=True), None
    return pd.to_datetime(pd.Series(cells.cast(pa.timestamp("us")).to_pandas()), utc=True), None


def _numbers(column: Column, name: str, numbers: list[Any], note: Note | None = None) -> Column:
    import pyarrow as pa

    cells = pa.chunked_array([pa.array(numbers)])
    return Column(name, ColumnKind.NUMBER, cells, missing=column.missing, notes=(note,) if note else ())
