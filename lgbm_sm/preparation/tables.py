"""The user's tables as they come: CSV and Parquet files as Arrow tables."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.table_header import MISSING_TEXTS, detect_header, first_rows, not_utf8

if TYPE_CHECKING:
    import pyarrow as pa

_DELIMITERS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
_PARQUET = (".parquet", ".pq")
TABLE_SUFFIXES = (*_DELIMITERS, *_PARQUET)
_BLOCK_BYTES = 1 << 24  # Arrow wants each row to end within two blocks


@dataclass(frozen=True)
class Table:
    """A table as it was read. `named`: its column names come from the file, else they are `Column_0` and so on.

    `notes` say what was decided in reading it.
    """

    path: Path
    columns: "pa.Table"
    named: bool
    notes: tuple[str, ...] = ()


def read_table(path: Path, *, header: bool | None, references: tuple[str | int, ...] = ()) -> Table:
    """Read a `.csv`, `.tsv` (both also `.gz`) or `.parquet` file.

    `header` says whether the first line of a CSV holds names; None finds out, and `references` (what the configuration
    calls columns by) helps: a first line that holds one of these names is a header.

    Raises:
        DataError: the file is missing, is of another kind, cannot be read, has no rows, or it cannot be known whether
            its first line is a header.
    """
    name = path.name.lower()
    if not path.is_file():
        raise _not_found(path)
    try:
        if name.endswith(_PARQUET):
            table = _read_parquet(path, header=header)
        elif suffix := next((suffix for suffix in _DELIMITERS if name.endswith(suffix)), None):
            table = _read_delimited(path, _DELIMITERS[suffix], references, header=header)
        else:
            raise DataError(
                f"{path}: tables are read from {', '.join(TABLE_SUFFIXES)} files",
                "save the table as CSV with commas, or as Parquet",
            )
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}", "check the file") from error
    if table.columns.num_rows == 0:
        raise DataError(f"{path} has no rows", "check the file")
    return table


def _not_found(path: Path) -> DataError:
    if path.exists():
        return DataError(f"{path} is not a file", "name one CSV or Parquet file")
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1)
    return DataError(
        f"{path} does not exist" + (f" (did you mean {near[0]}?)" if near else ""),
        "relative paths in the configuration start at the folder of config.yaml",
    )


def _read_parquet(path: Path, *, header: bool | None) -> Table:
    import pyarrow as pa
    import pyarrow.parquet

    if header is False:
        raise DataError(f"{path}: a Parquet file always names its columns", "remove data.header")
    try:
        # ParquetFile and not read_table, which makes columns of folders called key=value
        columns = pyarrow.parquet.ParquetFile(path).read()
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}", "check the file") from error
    metadata = columns.schema.pandas_metadata or {}
    index = [name for name in metadata.get("index_columns", ()) if isinstance(name, str)]
    if not index:
        return Table(path, columns, named=True)
    note = f"{path.name}: the row index {', '.join(index)} is left out; `reset_index` makes columns of it"
    return Table(path, columns.drop_columns(index), named=True, notes=(note,))


def _read_delimited(path: Path, delimiter: str, references: tuple[str | int, ...], *, header: bool | None) -> Table:
    import pyarrow as pa
    import pyarrow.csv

    names = tuple(reference for reference in references if isinstance(reference, str))
    rows = first_rows(path, delimiter)
    detected = detect_header(path, rows, names) if header is None else None
    named = detected.present if detected else bool(header)
    try:
        columns = pyarrow.csv.read_csv(
            # Arrow itself only takes a lower-case .gz for a compressed file
            pa.input_stream(path, compression="gzip" if path.suffix.lower() == ".gz" else None),
            # one thread, so that errors can count lines
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, block_size=_BLOCK_BYTES, autogenerate_column_names=not named
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            # without words for true and false, so that they stay as they are written
            convert_options=pyarrow.csv.ConvertOptions(
                null_values=list(MISSING_TEXTS), strings_can_be_null=True, true_values=[], false_values=[]
            ),
        )
    except pa.ArrowException as error:
        raise DataError(f"{path}: {error}", "each row needs as many cells as the first") from error
    if any(pa.types.is_binary(column.type) for column in columns.columns):
        raise not_utf8(path)
    if not named:
        columns = columns.rename_columns([f"Column_{position}" for position in range(columns.num_columns)])
    return Table(path, columns, named=named, notes=(f"{path.name}: {detected.reason}",) if detected else ())
