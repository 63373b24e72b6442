"""Read the user's tables: CSV and Parquet files as Arrow tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.row_counter import ReportStatus, RowCounter, no_status
from lgbm_sm.preparation.table_header import MISSING_TEXTS, detect_header, first_rows, not_utf8
from lgbm_sm.wording import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

_SEPARATORS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
_PARQUET = (".parquet", ".pq")
TABLE_SUFFIXES = (*_SEPARATORS, *_PARQUET)
_BLOCK_BYTES = 1 << 24  # each row must end within two of Arrow's blocks


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    `named`: the column names are in the file; otherwise they are `Column_0` and so on. `notes` are decisions made while
    reading it.
    """

    path: Path
    columns: "pa.Table"
    named: bool
    notes: tuple[str, ...] = ()


def read_table(
    path: Path, *, header: bool | None, references: tuple[str | int, ...] = (), status: ReportStatus = no_status
) -> Table:
    """Read a `.csv`, `.tsv` (both also `.gz`) or `.parquet` file.

    `header`: whether the first line of a CSV is a header; None detects it. A first line with one of `references`, the
    names and positions of columns in the configuration, is a header. `status` receives the number of rows so far.

    Raises:
        DataError: the file is missing, is of another kind, cannot be read, has no rows, or does not show
            clearly whether it has a header.
    """
    name = path.name.lower()
    if not path.is_file():
        raise _not_found(path)
    try:
        if name.endswith(_PARQUET):
            table = _read_parquet(path, status, header=header)
        elif suffix := next((suffix for suffix in _SEPARATORS if name.endswith(suffix)), None):
            table = _read_delimited(path, _SEPARATORS[suffix], references, status, header=header)
        else:
            raise DataError(
                f"{path} is not a table: expected a file that ends in {', '.join(TABLE_SUFFIXES)}",
                "save the table as CSV with commas, or as Parquet",
            )
    except OSError as error:
        raise DataError(f"failed to read {path}: {error.strerror or error}", "check the file") from error
    if table.columns.num_rows == 0:
        raise DataError(f"{path} has no rows", "check the file")
    return table


def _not_found(path: Path) -> DataError:
    if path.exists():
        return DataError(f"{path} is not a file", "name one CSV or Parquet file")
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    return DataError(
        f"{path} does not exist{did_you_mean(path.name, siblings)}",
        "relative paths in config.yaml start at its folder",
    )


def _read_parquet(path: Path, status: ReportStatus, *, header: bool | None) -> Table:
    import pyarrow as pa
    import pyarrow.parquet

    if header is False:
        raise DataError(f"{path}: a Parquet file always has column names", "remove data.header")
    try:
        # not read_table, which turns folders named key=value into columns
        file = pyarrow.parquet.ParquetFile(path)
        status(f"{path.name}: reading {file.metadata.num_rows:,} rows")
        columns = file.read()
    except pa.ArrowException as error:
        raise DataError(f"failed to read {path} as Parquet: {error}", "check the file") from error
    metadata = columns.schema.pandas_metadata or {}
    index = [name for name in metadata.get("index_columns", ()) if isinstance(name, str)]
    if not index:
        return Table(path, columns, named=True)
    note = f"{path.name}: the row index {', '.join(index)} is left out; to keep it, call `reset_index` in pandas"
    return Table(path, columns.drop_columns(index), named=True, notes=(note,))


def _read_delimited(
    path: Path, separator: str, references: tuple[str | int, ...], status: ReportStatus, *, header: bool | None
) -> Table:
    import pyarrow as pa
    import pyarrow.csv

    names = tuple(reference for reference in references if isinstance(reference, str))
    rows = first_rows(path, separator)
    detected = detect_header(path, rows, names) if header is None else None
    named = detected.present if detected else bool(header)
    try:
        # Arrow itself only takes a lower-case .gz for a compressed file
        stream = pa.input_stream(path, compression="gzip" if path.suffix.lower() == ".gz" else None)
        columns = pyarrow.csv.read_csv(
            RowCounter(stream, path.name, status),
            # one thread, so that errors have line numbers
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, block_size=_BLOCK_BYTES, autogenerate_column_names=not named
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            # without words for true and false, so that they stay text
            convert_options=pyarrow.csv.ConvertOptions(
                null_values=list(MISSING_TEXTS), strings_can_be_null=True, true_values=[], false_values=[]
            ),
        )
    except pa.ArrowException as error:
        raise DataError(f"{path}: {error}", "give each row as many cells as the first") from error
    if any(pa.types.is_binary(column.type) for column in columns.columns):
        raise not_utf8(path)
    if not named:
        columns = columns.rename_columns([f"Column_{position}" for position in range(columns.num_columns)])
    return Table(path, columns, named=named, notes=(f"{path.name}: {detected.reason}",) if detected else ())
