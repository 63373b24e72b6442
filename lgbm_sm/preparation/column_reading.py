"""Read the cells of one column, of any type and spelling, as numbers, categories or dates."""

from typing import TYPE_CHECKING, Any

from lgbm_sm.preparation.column_settings import ColumnSettings
from lgbm_sm.preparation.columns import Column, ColumnKind, Note, kind_of
from lgbm_sm.preparation.different_texts import tokens_and_counts
from lgbm_sm.preparation.number_notes import note_numbers
from lgbm_sm.preparation.text_reading import read_text

if TYPE_CHECKING:
    import pyarrow as pa

AUTOMATIC = ColumnSettings()


def read_column(name: str, cells: "pa.ChunkedArray", settings: ColumnSettings = AUTOMATIC) -> Column:
    """Convert a column of any Arrow type. Text can become numbers, categories or dates.

    True and false become text. Decimals become floats. NaN and empty text become null.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    is_dictionary = pa.types.is_dictionary(cells.type)
    if is_dictionary:
        cells = cells.cast(cells.type.value_type)
    kind = kind_of(cells.type)
    if pa.types.is_boolean(cells.type):
        return _filled(Column(name, kind, pc.if_else(cells, "true", "false"), notes=(Note("boolean"),)))
    if kind is ColumnKind.TEXT:
        # text categories in a Parquet file are not read as dates or as numbers with separators
        keeps = (is_dictionary or settings.is_categorical) and not settings.is_numeric
        return _filled(read_text(name, cells.cast(pa.large_string()), settings, keeps_text=keeps))
    if kind is ColumnKind.NUMBER:
        return _filled(_numbers(name, cells, settings, is_dictionary=is_dictionary))
    return Column(name, kind, cells)


def _numbers(name: str, cells: "pa.ChunkedArray", settings: ColumnSettings, *, is_dictionary: bool) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    missing: dict[str, int] = {}
    if pa.types.is_integer(cells.type):
        cells = cells if pa.types.is_uint64(cells.type) else cells.cast(pa.int64())
    else:
        cells = cells.cast(pa.float64())
        nan = pc.is_nan(cells)
        if count := pc.sum(nan).as_py():
            missing["NaN"] = count
            cells = pc.if_else(nan, None, cells)
    for text in settings.missing:
        if (value := _as_number(text, cells.type)) is not None:
            found = pc.equal(cells, value)
            if count := pc.sum(found).as_py():
                missing[text] = count
                cells = pc.if_else(found, None, cells)
    is_categorical = is_dictionary and not settings.is_numeric
    notes = [Note(f"numbers, missing: {tokens_and_counts(missing)}")] if missing else []
    if is_categorical:
        notes.append(Note("categories of numbers, as the file says", other="as numbers", key="numeric"))
    column = Column(name, ColumnKind.NUMBER, cells, missing=missing, notes=tuple(notes), is_categorical=is_categorical)
    return column if settings.is_categorical or is_categorical else note_numbers(column)


def _as_number(text: str, data_type: "pa.DataType") -> Any:
    import pyarrow as pa

    try:
        return pa.scalar(text).cast(data_type)
    except pa.ArrowInvalid:
        return None


def _filled(column: Column) -> Column:
    if column.refusal is None and column.cells.null_count == len(column.cells):
        return Column(column.name, ColumnKind.EMPTY, column.cells)
    return column
