"""Propose columns to leave out, and columns of integers to treat as categories."""

import re

from lgbm_sm.preparation.columns import Column, ColumnKind, RowName, describe_feature, some_values
from lgbm_sm.preparation.problems import Problems

_FEW_ROWS = 20  # in fewer rows, whole numbers may be unique by chance
_EXPECTED_REPEATS = 3.0
_LONG_NUMBER_DIGITS = 7
_CODE_DIGITS = 4
_ROWS_OF_A_CODE = 5
_YEARS = range(1800, 2200)
_IDENTIFIER_WORDS = frozenset({"id", "uid", "uuid", "guid", "key", "index", "idx", "no", "nr", "number", "row"})
_CODE_WORDS = frozenset(
    {
        *("zip", "zipcode", "plz", "postleitzahl", "postal", "postcode", "postalcode", "code", "id", "key", "state"),
        *("county", "country", "region", "district", "category", "class", "type", "kind", "group", "store", "shop"),
        *("branch", "cluster", "segment", "sector", "department"),
    }
)


def why_to_drop(column: Column, row_name: RowName, *, categorical: bool) -> str | None:
    """Return the reason to leave out a feature, or None to keep it.

    A feature is left out if `prepare-data` would refuse it. It is also left out if it identifies each row, because a
    model would memorize it. `categorical` is true if the user listed the column in data.categorical.
    """
    problems = Problems()
    if describe_feature(column, problems, row_name, categorical=categorical) is None:
        subject = f"column {column.name!r} "
        why = problems.text.replace(subject, f"{subject}cannot be used: it ", 1)
        return f"{why}; data.dates makes numbers of them" if column.kind is ColumnKind.DATE else why
    return None if categorical else _why_identifier(column)


def why_categorical(column: Column) -> str | None:
    """Return the reason to treat integers as categories, or None to keep them as numbers."""
    if not _is_integer(column):
        return None
    values = sorted(column.cells.drop_null().unique().to_pylist())
    rows = len(column.cells) - column.cells.null_count
    if len(values) <= 2 or len(values) * _ROWS_OF_A_CODE > rows:
        return None
    if _words(column.name) & _CODE_WORDS:
        sign = "its name suggests it"
    elif _look_like_codes(values):
        sign = f"each has {len(str(values[0]))} digits"
    else:
        return None
    return (
        f"column {column.name!r} probably contains codes, whose order has no meaning: it has {len(values)} different "
        f"integers in {rows} rows ({some_values(values)}), and {sign}"
    )


def _why_identifier(column: Column) -> str | None:
    cells = column.cells
    rows = len(cells)
    if not _is_integer(column) or cells.null_count or rows <= _FEW_ROWS or len(cells.unique()) < rows:
        return None
    values: list[int] = cells.to_pylist()
    low, high = min(values), max(values)
    if _words(column.name) & _IDENTIFIER_WORDS:
        sign = "its name suggests it"
    elif high - low == rows - 1:
        sign = "they are consecutive"
    elif values in (sorted(values), sorted(values, reverse=True)):
        sign = "they are in the order of the rows"
    elif low > 0 and len(str(low)) == len(str(high)) >= _LONG_NUMBER_DIGITS:
        sign = f"each has {len(str(low))} digits"
    elif rows * (rows - 1) / 2 / (high - low + 1) >= _EXPECTED_REPEATS:
        sign = "measured values would repeat"
    else:
        return None
    return (
        f"column {column.name!r} is probably an identifier: it has a different integer in each of its {rows} rows, and "
        f"{sign}"
    )


def _is_integer(column: Column) -> bool:
    import pyarrow as pa

    return column.kind is ColumnKind.NUMBER and pa.types.is_integer(column.cells.type)


def _look_like_codes(values: list[int]) -> bool:
    """Return whether the integers are long, of equal length, and not years or round numbers."""
    low, high = values[0], values[-1]
    return (
        low > 0
        and len(str(low)) == len(str(high)) >= _CODE_DIGITS
        and not (low in _YEARS and high in _YEARS)
        and any(value % 10 for value in values)
    )


def _words(name: str) -> set[str]:
    """Return the words of a name such as customerId or customer_id, in lower case."""
    separated = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return set(re.split(r"[\W_]+", separated.lower()))
