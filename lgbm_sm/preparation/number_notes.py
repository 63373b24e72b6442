"""Numbers that may mean something else: sentinels such as -999, times since 1970, and dates such as 20260131."""

from dataclasses import replace
from typing import TYPE_CHECKING

from lgbm_sm.preparation.columns import Column, Note
from lgbm_sm.wording import counted

if TYPE_CHECKING:
    import pyarrow as pa

# people and programs often write these numbers for "missing"
_SENTINELS = frozenset(sign * value for sign in (-1, 1) for value in (99, 999, 9999, 99999, 999999, 9999999)) | {
    *(-1, -2147483648, 2147483647, -32768, 32767)
}
_FAR = 3.0  # in multiples of the range of all other values
_FEWEST_OTHERS = 3
_SECONDS = (946_684_800, 2_208_988_800)  # the years 2000 to 2039
_DAYS = (19_000_101, 21_001_231)
_MILLISECONDS = tuple(1000 * second for second in _SECONDS)


def note_numbers(column: Column) -> Column:
    """Return the column with notes on suspicious numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    extremes = pc.min_max(column.cells).as_py()
    low, high = extremes["min"], extremes["max"]
    if low is None:
        return column
    notes = [note for value in dict.fromkeys((low, high)) if (note := _sentinel(column, value))]
    if pa.types.is_integer(column.cells.type) and low < high:
        for unit, (first, last) in (("seconds", _SECONDS), ("milliseconds", _MILLISECONDS)):
            if first <= low and high <= last:
                notes.append(Note(f"whole numbers from {low} to {high}, like {unit} since 1970, are kept as numbers"))
        if _DAYS[0] <= low and high <= _DAYS[1] and _are_days(column.cells):
            notes.append(Note(f"whole numbers from {low} to {high}, like dates, are kept as numbers"))
    return replace(column, notes=(*column.notes, *notes)) if notes else column


def _are_days(cells: "pa.ChunkedArray") -> bool:
    """Return whether whole numbers are all a year, a month and a day, as in 20260131."""
    import numpy as np

    numbers = cells.drop_null().to_numpy()
    months, days = numbers // 100 % 100, numbers % 100
    return bool(np.all((months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)))


def _sentinel(column: Column, value: float) -> Note | None:
    """Return a note if the smallest or largest value is a sentinel, and far from all others."""
    if value not in _SENTINELS:
        return None
    import pyarrow.compute as pc

    others = column.cells.filter(pc.not_equal(column.cells, value))
    extremes = pc.min_max(others).as_py()
    if extremes["min"] is None or len(others.unique()) < _FEWEST_OTHERS:
        return None
    gap = extremes["min"] - value if value < extremes["min"] else value - extremes["max"]
    if gap <= _FAR * (extremes["max"] - extremes["min"]):
        return None
    count = len(column.cells) - column.cells.null_count - len(others)
    text = f"{value:g}"
    return Note(
        f"{text} ({counted(count, 'cell')}) is far from all other values ({extremes['min']:g} to {extremes['max']:g}), "
        "and is kept as a number",
        other="as missing",
        key="missing",
        value=(text,),
        is_warning=True,
    )
