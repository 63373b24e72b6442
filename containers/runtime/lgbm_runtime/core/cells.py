"""Convert the cells of a table to float64. The schema of a column determines how."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.schema import Feature, Schema

# The texts that pandas' read_csv reads as missing by default ("na_values" in its documentation). Here they are missing
# only among numbers: in a column of texts, NA may be Namibia.
# fmt: off
MISSING = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
})
# fmt: on
_UNSEEN_LIMIT = 50
_SHOWN_CHARACTERS = 60


class Unseen:
    """The categories in a request that are not in the schema, as pairs (column, category).

    Each pair is kept once. At most fifty pairs are kept.
    """

    def __init__(self) -> None:
        self._categories: dict[tuple[str, str], None] = {}

    def add(self, column: str, category: str) -> None:
        if len(self._categories) < _UNSEEN_LIMIT:
            self._categories[column, category[:_SHOWN_CHARACTERS]] = None

    @property
    def categories(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._categories)


class Column:
    """One column of a table. `index` is its position in the matrix.

    A cell of a `required` column (the target) must not be missing, and must not be an unseen category. The first record
    has the `row` 1. For an invalid cell, each method raises InvocationError(400) with the row and the column.
    """

    def __init__(self, feature: Feature, index: int, *, required: bool = False) -> None:
        self.name = feature.name
        self.index = index
        self._is_numeric = feature.levels is None
        self._codes = feature.codes
        self._is_text = feature.is_text
        self._required = required
        self._missing_texts = frozenset(("", *feature.missing)) if feature.is_text else MISSING.union(feature.missing)
        self._missing_numbers = feature.missing_numbers

    def from_texts(self, cells: Sequence[str], first_row: int, unseen: Unseen) -> list[float]:
        """Return the values of consecutive cells, the first of them in row `first_row`."""
        if self._is_numeric and not self._required and not self._missing_numbers:
            values = _floats(cells)
            if values is not None:
                return values
        return [self.from_text(cell, row, unseen) for row, cell in enumerate(cells, first_row)]

    def from_text(self, cell: str, row: int, unseen: Unseen) -> float:
        """Return the value of a CSV cell.

        A category takes precedence over a text for missing.
        """
        if self._is_text:
            code = self._codes.get(cell)
            if code is not None:
                return code
            return self._missing(row) if cell.strip() in self._missing_texts else self._unknown(cell, row, unseen)
        if cell.strip() in self._missing_texts:
            return self._missing(row)
        value = parse_number(cell)
        if value is None:
            self._refuse(row, f"{_shown(cell)} is not a number")
        return self._from_number(value, cell.strip(), row, unseen)

    def from_json(self, value: Any, row: int, unseen: Unseen) -> float:
        """Return the value of a JSON cell.

        The cell is a number or null, or for a category a text or a boolean (`True`, `False`). The number 1.0 is the
        text 1, as in a table of integers.
        """
        if value is None:
            return self._missing(row)
        if isinstance(value, (list, dict)):
            self._refuse(row, f"a cell cannot be {'a list' if isinstance(value, list) else 'an object'}")
        if self._is_text:
            return self.from_text(_as_text(value), row, unseen)
        if isinstance(value, bool):
            self._refuse(row, f"{str(value).lower()} is not a number")
        if isinstance(value, str):
            if value.strip() in self._missing_texts and value.strip() not in MISSING:
                return self._missing(row)
            self._refuse(row, f"the text {_shown(value)} is not a number")
        return self._from_number(float(value), str(value), row, unseen)

    def _from_number(self, value: float, shown: str, row: int, unseen: Unseen) -> float:
        if value != value:  # noqa: PLR0124 - only NaN differs from itself
            return self._missing(row)
        if value in self._missing_numbers:
            return self._missing(row)
        if math.isinf(value):
            self._refuse(row, f"{_shown(shown)} is not a finite number")
        if not self._codes:
            return value
        code = self._codes.get(value)
        return self._unknown(shown, row, unseen) if code is None else code

    def _missing(self, row: int) -> float:
        if self._required:
            self._refuse(row, "the target is missing")
        return math.nan

    def _unknown(self, category: str, row: int, unseen: Unseen) -> float:
        if self._required:
            known = [str(value) for value in self._codes]
            self._refuse(row, f"{_shown(category)} is not one of the classes: {listed(known)}")
        unseen.add(self.name, category)
        return math.nan

    def _refuse(self, row: int, why: str) -> NoReturn:
        raise InvocationError(400, f"row {row}, column {self.name}: {why}", row, self.name)


def columns_of(schema: Schema, *, with_target: bool = False) -> list[Column]:
    """Return the columns of a table: the features, then the target if the table has it."""
    columns = [Column(feature, index) for index, feature in enumerate(schema.features)]
    if with_target:
        columns.append(Column(schema.target, len(columns), required=True))
    return columns


def parse_number(cell: str) -> float | None:
    """Return the number in the cell, or None if the cell is not a number.

    Blanks around the number are ignored. The function reads the same numbers as Python's float(), with two exceptions:
    underscores between digits, and digits of other scripts. In a table, both are mistakes.
    """
    if not cell.isascii() or "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def is_number_or_missing(cell: str) -> bool:
    """Return whether the cell is a number or missing. Then it cannot be a column's name."""
    return cell.strip() in MISSING or parse_number(cell) is not None


def listed(names: Sequence[str], limit: int = 10) -> str:
    """Return the names as text for a message. It shows at most `limit` names."""
    shown = ", ".join(name[:_SHOWN_CHARACTERS] for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def _floats(cells: Sequence[str]) -> list[float] | None:
    """Return the numbers in the cells, or None if a cell is not an ordinary number or empty.

    An empty cell gives NaN.
    """
    joined = "".join(cells)
    if not joined.isascii() or "_" in joined:
        return None
    try:
        values = [float(cell) if cell else math.nan for cell in cells]
    except ValueError:
        return None
    return None if math.inf in values or -math.inf in values else values


def _as_text(value: Any) -> str:
    """Return a JSON text, number or boolean as a table would have it."""
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= _SHOWN_CHARACTERS else cell[:_SHOWN_CHARACTERS] + "…")
