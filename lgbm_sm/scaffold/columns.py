"""Which columns a model had better not see, and which integers stand for categories, each with the reason."""

import re

from lgbm_sm.preparation.columns import Column, Kind, RowName, describe_feature, some_values
from lgbm_sm.preparation.problems import Problems

_FEW_ROWS = 20  # among so few rows, whole numbers that differ say nothing
_EXPECTED_REPEATS = 3.0
_LONG_NUMBER_DIGITS = 7
_CODE_DIGITS = 4
_ROWS_OF_A_CODE = 5
_YEARS = range(1800, 2200)
_IDENTIFIER_WORDS = frozenset({"id", "uid", "uuid", "guid", "key", "index", "idx", "no", "nr", "number", "row"})
_CODE_WORDS = frozenset(
    {
        *(
            "zip",
            "zipcode",
            "plz",
            "postleitzahl",
            "postal",
            "postcode",
            "postalcode",
            "code",
            "id",
            "key",
            "state",
            "county",
            "country",
        ),
        *("region", "district", "category", "class", "type", "kind", "group", "store", "shop", "branch", "cluster"),
        *("segment", "sector", "department"),
    }
)
# dates that Arrow takes for text, since they are not as ISO 8601 wants them: 31.12.2020, 12/31/2020 10:00, 2020/12/31
_DATE = re.compile(r"(\d{4}[/.]\d{1,2}[/.]\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{4})([ T].*)?")


def why_to_drop(column: Column, row_name: RowName, *, categorical: bool) -> str | None:
    """Why a feature should be left out; None where nothing speaks against it.

    What `prepare-data` refuses cannot stay as it is; `categorical` says that the user declared the column so. Besides,
    columns that tell each row from all others are learned by heart.
    """
    problems = Problems()
    if describe_feature(column, problems, row_name, categorical=categorical) is None:
        subject = f"column {column.name!r} "
        return problems.text.replace(subject, f"{subject}cannot be used as it is: it ", 1)
    if categorical:
        return None
    if column.kind is Kind.TEXT:
        return _why_dates(column)
    return _why_identifier(column)


def why_categorical(column: Column) -> str | None:
    """Why a column of integers stands for categories, such as a postal code; None where it counts or measures."""
    if not _is_integer(column):
        return None
    values = sorted(column.cells.drop_null().unique().to_pylist())
    rows = len(column.cells) - column.cells.null_count
    if len(values) <= 2 or len(values) * _ROWS_OF_A_CODE > rows:
        return None
    if _words(column.name) & _CODE_WORDS:
        sign = "the name says so"
    elif _look_like_codes(values):
        sign = f"each has {len(str(values[0]))} digits"
    else:
        return None
    return (
        f"column {column.name!r} has {len(values)} different integers in {rows} rows ({some_values(values)}), like "
        f"codes: {sign}, and the order of codes means nothing"
    )


def _why_dates(column: Column) -> str | None:
    texts = column.cells.drop_null().unique().to_pylist()
    if not all(map(_DATE.fullmatch, texts)):
        return None
    return (
        f"column {column.name!r} cannot be used as it is: it contains dates or times, as text ({texts[0]!r}); derive "
        "numbers from dates (year, month, weekday, days since …), or leave them out"
    )


def _why_identifier(column: Column) -> str | None:
    cells = column.cells
    rows = len(cells)
    if not _is_integer(column) or cells.null_count or rows <= _FEW_ROWS or len(cells.unique()) < rows:
        return None
    values: list[int] = cells.to_pylist()
    low, high = min(values), max(values)
    if _words(column.name) & _IDENTIFIER_WORDS:
        sign = "the name says so"
    elif high - low == rows - 1:
        sign = "it counts them"
    elif values in (sorted(values), sorted(values, reverse=True)):
        sign = "it is in the order of the rows"
    elif low > 0 and len(str(low)) == len(str(high)) >= _LONG_NUMBER_DIGITS:
        sign = f"each has {len(str(low))} digits"
    elif rows * (rows - 1) / 2 / (high - low + 1) >= _EXPECTED_REPEATS:
        sign = "measured values would repeat"
    else:
        return None
    return f"column {column.name!r} is a different integer in each of its {rows} rows, like an identifier: {sign}"


def _is_integer(column: Column) -> bool:
    import pyarrow as pa

    return column.kind is Kind.NUMBER and pa.types.is_integer(column.cells.type)


def _look_like_codes(values: list[int]) -> bool:
    """Long numbers of one length that are neither years nor all round."""
    low, high = values[0], values[-1]
    return (
        low > 0
        and len(str(low)) == len(str(high)) >= _CODE_DIGITS
        and not (low in _YEARS and high in _YEARS)
        and any(value % 10 for value in values)
    )


def _words(name: str) -> set[str]:
    """The words of a name in lower case, as of customerId, customer_id or "customer id"."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return set(re.split(r"[\W_]+", parted.lower()))
