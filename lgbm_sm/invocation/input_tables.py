"""Read a file as a table for a model, unless the server can read it as it is."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lgbm_sm.errors import DataError, UsageError
from lgbm_sm.invocation.batches import is_number_or_missing
from lgbm_sm.invocation.json_records import records_of
from lgbm_sm.invocation.json_tables import table_of
from lgbm_sm.invocation.model_columns import ModelColumns
from lgbm_sm.preparation.dialect import detect_dialect
from lgbm_sm.preparation.tables import TABLE_SUFFIXES, Table, TableOptions, read_table

_JSON, _JSON_LINES = (".json", ".json.gz"), (".jsonl", ".jsonlines", ".jsonl.gz", ".jsonlines.gz")


def input_table(path: Path, columns: ModelColumns, keep: Sequence[str]) -> Table | None:
    """Return the table in a file; None if the server can read its rows, or if it is no table.

    Raises:
        DataError: it cannot be read.
        UsageError: it has no names, and columns of it are to be kept.
    """
    name = path.name.lower()
    if not path.is_file():
        return None
    if name.endswith((*_JSON, *_JSON_LINES)):
        return _json_table(path, columns, keep, is_lines=name.endswith(_JSON_LINES))
    if not name.endswith(TABLE_SUFFIXES) or (name.endswith(".csv") and not keep and _is_ready(path, columns)):
        return None
    options = TableOptions(columns.section.separator, columns.section.encoding, lambda _: columns.texts.union(keep))
    return read_table(
        path,
        header=None if name.endswith((".parquet", ".pq")) else columns.section.header,
        references=(*columns.features, columns.target, *keep),
        options=options,
    )


def _is_ready(path: Path, columns: ModelColumns) -> bool:
    """Return whether the first rows of a CSV file are as the server reads them."""
    section = columns.section
    try:
        dialect = detect_dialect(path, ",", separator=section.separator, encoding=section.encoding)
    except DataError:
        return True  # the server says what is wrong, or reads a single column
    first, *below = dialect.rows
    is_header = any(cell in columns.features for cell in first) and not any(map(is_number_or_missing, first))
    names = first if is_header else list(columns.features)
    if dialect.separator != "," or not dialect.is_utf8 or dialect.skipped or section.header is not None:
        return False
    if sorted(names) != sorted(columns.features):
        return False
    rows = below if is_header else dialect.rows
    if not is_header and len(first) != len(names):
        return columns.target not in first
    return all(
        _are_ready(cells, columns.features[name]) for name, cells in zip(names, zip(*rows, strict=False), strict=False)
    )


def _are_ready(cells: Sequence[str], feature: Mapping[str, Any]) -> bool:
    if feature["type"] == "categorical":
        return True
    return all(is_number_or_missing(cell) or cell.strip() in feature.get("missing", ()) for cell in cells)


def _json_table(path: Path, columns: ModelColumns, keep: Sequence[str], *, is_lines: bool) -> Table | None:
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
        if is_lines:
            records = [json.loads(line) for line in content.splitlines() if line.strip()]
        else:
            records = records_of(json.loads(content), path)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}", "pass --content-type for another format") from error
    except (OSError, EOFError) as error:
        raise DataError(f"failed to read {path}: {error}", "check the file") from error
    if not all(isinstance(record, dict) for record in records):
        if keep:
            raise UsageError(f"--keep {keep[0]}: the rows in {path} have no names", "give them as objects")
        return None
    is_ready = all(record.keys() == columns.features.keys() for record in records) and not keep
    return None if is_ready and path.suffix.lower() != ".gz" else table_of(records, path)
