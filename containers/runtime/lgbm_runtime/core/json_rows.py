"""Convert JSON to a float64 matrix whose columns are in the order of the schema.

A row is a list of values. A record is an object whose keys are the names of the features.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from lgbm_runtime.core.cells import Unseen, columns_of, listed
from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.json_shapes import records_in, right_shapes
from lgbm_runtime.core.rows import Rows
from lgbm_runtime.core.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

# An integer with fewer digits is read exactly. An integer with more digits is read as float64.
_EXACT_DIGITS = 20
# A key of SageMaker's common JSON format for inference.
_FEATURES = "features"
_PLAIN_TYPES = {int, float, type(None)}


def rows_from_json(text: str, schema: Schema) -> Rows:
    """Return the rows in a JSON document. Raises InvocationError(400).

    The document is a row, a record, a list of rows, a list of records, or an object that `records_in` accepts. Each
    element of a list is a row, a record, or `{"features": row}`.
    """
    document = _parse(text, None)
    names = set(schema.feature_names)
    if isinstance(document, dict):
        is_record = document.keys() == names and not isinstance(document[schema.features[0].name], (list, dict))
        return _convert([document] if is_record else records_in(document, schema), schema, names)
    if not isinstance(document, list):
        raise InvocationError(400, f"the body is neither a list nor an object; {right_shapes(schema)}")
    if not document:
        raise InvocationError(400, "the body has no rows")
    if not isinstance(document[0], (list, dict)):
        document = [document]
    return _convert(document, schema, names)


def rows_from_json_lines(text: str, schema: Schema) -> Rows:
    """Return the rows in JSON Lines. Raises InvocationError(400)."""
    lines = text.rstrip().split("\n")
    if lines == [""]:
        raise InvocationError(400, "the body has no rows")
    return _convert((_parse(line, row) for row, line in enumerate(lines, 1)), schema, set(schema.feature_names))


def _convert(records: Iterable[Any], schema: Schema, known: set[str]) -> Rows:
    """Return the matrix of rows and records."""
    names = schema.feature_names
    rows = [_cells(record, names, known, row) for row, record in enumerate(records, 1)]
    unseen = Unseen()
    values = _plain_values(rows) if schema.is_plain else None
    if values is None:
        columns = columns_of(schema)
        values = np.array(
            [
                [column.from_json(cell, number, unseen) for column, cell in zip(columns, row)]
                for number, row in enumerate(rows, 1)
            ],
            dtype=np.float64,
        )
    return Rows(values, None, unseen.categories)


def _plain_values(rows: Sequence[list[Any]]) -> Matrix | None:
    """Return the matrix if all cells are finite numbers or null, else None."""
    types: set[type] = set()
    for row in rows:
        types.update(map(type, row))
    if not types <= _PLAIN_TYPES:
        return None
    values = np.array(rows, dtype=np.float64)
    return None if np.isinf(values).any() else values


def _cells(record: Any, names: Sequence[str], known: set[str], row: int) -> list[Any]:
    if isinstance(record, dict):
        if record.keys() == known:
            return [record[name] for name in names]
        wrapped = record.get(_FEATURES)
        if len(record) != 1 or not isinstance(wrapped, list) or _FEATURES in known:
            _refuse_names(record, names, known, row)
        record = wrapped
    if not isinstance(record, list):
        raise InvocationError(400, f"row {row} is neither a list of values nor an object", row)
    if len(record) != len(names):
        raise InvocationError(400, f"row {row} has {len(record)} values, but the model expects {len(names)}", row)
    return record


def _refuse_names(record: dict[str, Any], names: Sequence[str], known: set[str], row: int) -> NoReturn:
    missing = [name for name in names if name not in record]
    unexpected = [name for name in record if name not in known]
    found = [f"missing: {listed(missing)}"] if missing else []
    found += [f"unexpected: {listed(unexpected)}"] if unexpected else []
    raise InvocationError(400, f"row {row} does not match the model's features; {'; '.join(found)}", row)


def _integer(digits: str) -> int | float:
    """Read an integer. Read it as a float if it has many digits.

    The time of Python's int() grows with the square of the number of digits, and int() refuses more than 4,300 digits.
    """
    return int(digits) if len(digits) < _EXACT_DIGITS else float(digits)


def _refuse_constant(constant: str) -> NoReturn:
    raise InvocationError(400, f"{constant} is not valid JSON; write null for a missing value")


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise InvocationError(400, f"the key {key[:60]} occurs twice in an object")
    return unique


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse_constant, object_pairs_hook=_unique)


def _parse(text: str, row: int | None) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"row {row}" if row is not None else "the body"
        raise InvocationError(
            400, f"{where} is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})", row
        ) from error
    except RecursionError as error:
        raise InvocationError(400, "the body is nested too deeply", row) from error
    except InvocationError as error:
        error.row = row
        raise
