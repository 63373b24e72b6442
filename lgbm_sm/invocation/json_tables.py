"""Read rows from JSON as a table: records, the shapes of pandas' to_json, and JSON Lines."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgbm_sm.errors import DataError, UsageError
from lgbm_sm.invocation.model_columns import ModelColumns
from lgbm_sm.preparation.tables import Table
from lgbm_sm.progress import Reporter
from lgbm_sm.wording import did_you_mean, shortened_list

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN_NAMES = 30
_FITS = 2**63


def one_row(text: str, columns: ModelColumns, reporter: Reporter) -> Table:
    """Return the row of `--json`. Features that it does not have are missing cells.

    Raises:
        UsageError: the text is not a JSON object, or has an unknown name.
    """
    example = json.dumps({next(iter(columns.features)): 1}, ensure_ascii=False)
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--json is not JSON: {error}", f"example: --json '{example}'") from error
    if not isinstance(record, dict):
        raise UsageError("--json is not an object", f"example: --json '{example}'")
    known = [*columns.features, *columns.dates]
    if unknown := [name for name in record if name not in (*known, columns.target)]:
        near = did_you_mean(unknown[0], known)
        raise UsageError(
            f"--json: the model has no feature {unknown[0]!r}{near}",
            f"its features are {shortened_list(list(columns.features), _SHOWN_NAMES)}",
        )
    if record.pop(columns.target, None) is not None and columns.target not in columns.features:
        reporter.detail(f"{columns.target} is what the model predicts; its value is ignored")
    dated = [
        name for date in columns.dates if date in record for name in columns.features if name.startswith(f"{date}_")
    ]
    missing = [name for name in columns.features if name not in record and name not in dated]
    if missing:
        reporter.detail(f"missing cells: {shortened_list(missing, _SHOWN_NAMES)}")
    return table_of([{**dict.fromkeys(missing), **record}], Path("--json"))


def table_of(records: Sequence[Mapping[str, Any]], path: Path) -> Table:
    """Return records as a table; a key that a record does not have is a missing cell."""
    import pyarrow as pa

    names = list(dict.fromkeys(name for record in records for name in record))
    cells = {name: _cells(name, [record.get(name) for record in records], path) for name in names}
    return Table(path, pa.table(list(cells.values()), names=names), named=True)


def _cells(name: str, values: list[Any], path: Path) -> "pa.Array":
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    for row, value in enumerate(values, 1):
        if isinstance(value, list | dict):
            what = "a list" if isinstance(value, list) else "an object"
            raise DataError(f"{path}: row {row}, {name}: a cell cannot be {what}", "give each column one value per row")
    if not kinds:
        return pa.nulls(len(values), pa.float64())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(value is None or -_FITS <= value < _FITS for value in values):
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([value if isinstance(value, str | None) else json.dumps(value) for value in values], pa.string())
