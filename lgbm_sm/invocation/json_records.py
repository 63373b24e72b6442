"""Find the rows in a JSON document: the server's forms, and those of pandas' to_json."""

from pathlib import Path
from typing import Any

from lgbm_sm.errors import DataError
from lgbm_sm.wording import counted


def records_of(document: Any, path: Path) -> list[Any]:
    """Return the rows of a document.

    Raises:
        DataError: the rows or the columns have different lengths.
    """
    if not isinstance(document, dict):
        return document if isinstance(document, list) else [document]
    rows = document.get("instances", document.get("data"))
    if isinstance(rows, list) and "columns" in document:  # orient="split"
        return _by_names(document["columns"], rows, path)
    if isinstance(rows, list) and ("instances" in document or "schema" in document):  # orient="table"
        return rows
    return _by_column(document, path)


def _by_names(names: Any, rows: list[Any], path: Path) -> list[Any]:
    """Return the rows of orient="split", in which the names are given once."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: columns is not a list of names", "give the name of each column as a string")
    for position, row in enumerate(rows, 1):
        if not isinstance(row, list):
            raise DataError(f"{path}: row {position} of data is not a list", "give each row as a list of values")
        if len(row) != len(names):
            raise DataError(
                f"{path}: row {position} of data has {counted(len(row), 'value')}, but columns has "
                f"{counted(len(names), 'name')}",
                "give each row one value per column, and null for a missing cell",
            )
    return [dict(zip(names, row, strict=True)) for row in rows]


def _by_column(document: dict[str, Any], path: Path) -> list[Any]:
    """Return the rows of an object of columns, or of rows by their index; else the object is one row."""
    values = list(document.values())
    if values and all(isinstance(value, list) for value in values):
        first = next(iter(document))
        for name, cells in document.items():
            if len(cells) != len(values[0]):
                raise DataError(
                    f"{path}: {first} has {counted(len(values[0]), 'value')}, but {name} has {len(cells)}",
                    "give each column one value per row, and null for a missing cell",
                )
        return [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
    if not values or not all(isinstance(value, dict) for value in values):
        return [document]
    if all(key.isdecimal() for key in document):  # orient="index"
        return values
    return [{name: cells.get(row) for name, cells in document.items()} for row in values[0]]
