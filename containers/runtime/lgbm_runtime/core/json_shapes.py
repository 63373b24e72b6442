"""Turn the JSON objects that pandas, MLflow and TensorFlow Serving write into rows.

Sources: pandas' documentation of `orient` in DataFrame.to_json; "Inference Server Specification" in MLflow's
documentation; "RESTful API" in TensorFlow Serving's documentation.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

from lgbm_runtime.core.cells import listed
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.schema import Schema

_WRAPPERS = ("instances", "inputs", "dataframe_split", "dataframe_records", "data")
_SPLIT = {"columns", "data"}
_INDEX = "index"


def records_in(document: dict[str, Any], schema: Schema) -> list[Any]:
    """Return the rows and records in an object. Raises InvocationError(400).

    An object in none of the known shapes is one record.
    """
    names = schema.feature_names
    if not _SPLIT.isdisjoint(names):
        return _columns(document, names) if _has_columns(document) else [document]
    if _is_split(document):
        return _split(document, schema)
    wrapper = next((key for key in _WRAPPERS if key in document and key not in names), None)
    if wrapper is None:
        return _columns(document, names) if _has_columns(document) else [document]
    if len(document) > 1:
        others = [key for key in document if key != wrapper]
        raise InvocationError(400, f"unexpected keys next to {wrapper}: {listed(others)}; {right_shapes(schema)}")
    table = document[wrapper]
    if isinstance(table, dict):
        if _is_split(table):
            return _split(table, schema)
        if _has_columns(table):
            return _columns(table, names)
    if not isinstance(table, list) or not all(isinstance(one, (list, dict)) for one in table):
        raise InvocationError(400, f"{wrapper} must be a list of rows or of records; {right_shapes(schema)}")
    if not table:
        _refuse_empty()
    return table


def right_shapes(schema: Schema) -> str:
    """Return a hint that shows a list of rows and a list of records for this model."""
    cells = {feature.name[:60]: feature.levels[0] if feature.levels else 1.5 for feature in schema.features[:2]}
    more = ", ..." if schema.width > len(cells) else ""
    row, record = json.dumps(list(cells.values())), json.dumps(cells)
    return f"send rows, such as [{row[:-1]}{more}]], or records, such as [{record[:-1]}{more}}}]"


def _split(table: dict[str, Any], schema: Schema) -> list[Any]:
    """Return the records of `{"columns": [name, …], "data": [row, …]}`."""
    columns, rows = table["columns"], table["data"]
    others = [key for key in table if key not in _SPLIT and key != _INDEX]
    if others:
        raise InvocationError(400, f"unexpected keys next to columns and data: {listed(others)}")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise InvocationError(400, f"columns must be a list of names; {right_shapes(schema)}")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise InvocationError(400, f"data must be a list of rows; {right_shapes(schema)}")
    _check_names(columns, schema.feature_names, "columns")
    if not rows:
        _refuse_empty()
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise InvocationError(400, f"row {number} has {len(row)} values, columns has {len(columns)} names", number)
    position = {name: index for index, name in enumerate(columns)}
    order = [position[name] for name in schema.feature_names]
    return rows if order == list(range(len(order))) else [[row[index] for index in order] for row in rows]


def _is_split(table: dict[str, Any]) -> bool:
    return all(key in table for key in _SPLIT)


def _has_columns(table: dict[str, Any]) -> bool:
    return any(isinstance(column, (list, dict)) for column in table.values()) and table.keys() != {"features"}


def _columns(table: dict[str, Any], names: Sequence[str]) -> list[Any]:
    """Return the rows of `{name: [cell, …], …}` or `{name: {index: cell, …}, …}`."""
    _check_names(list(table), names, "the body")
    kind = type(table[names[0]])
    keys = table[names[0]].keys() if kind is dict else ()
    columns: list[list[Any]] = []
    for name in names:
        column = table[name]
        if not isinstance(column, (list, dict)) or type(column) is not kind:
            raise InvocationError(400, f"column {name}: all columns must be lists, or all objects", column=name)
        if isinstance(column, dict):
            if column.keys() != keys:
                raise InvocationError(400, f"column {name} has other rows than column {names[0]}", column=name)
            cells = [column[key] for key in keys]
        else:
            cells = column
        if columns and len(cells) != len(columns[0]):
            raise InvocationError(
                400, f"column {name} has {len(cells)} cells, column {names[0]} has {len(columns[0])}", column=name
            )
        columns.append(cells)
    if not columns[0]:
        _refuse_empty()
    return [list(row) for row in zip(*columns)]


def _check_names(given: Sequence[str], names: Sequence[str], where: str) -> None:
    known, counts = set(names), Counter(given)
    faults = {
        "missing": [name for name in names if name not in counts],
        "unexpected": [name for name in counts if name not in known],
        "more than once": [name for name, count in counts.items() if count > 1],
    }
    if any(faults.values()):
        found = "; ".join(f"{fault}: {listed(faulty)}" for fault, faulty in faults.items() if faulty)
        raise InvocationError(400, f"{where} does not match the model's features; {found}")


def _refuse_empty() -> NoReturn:
    raise InvocationError(400, "the body has no rows")
