"""Read the user's tables: CSV and Parquet files as Arrow tables."""

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.delimited import Delimited
from lgbm_sm.preparation.dialect import detect_dialect, spreadsheet_hint
from lgbm_sm.preparation.row_counter import ReportStatus, no_status
from lgbm_sm.preparation.table_header import detect_header
from lgbm_sm.wording import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

_SEPARATORS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
_PARQUET = (".parquet", ".pq")
TABLE_SUFFIXES = (*_SEPARATORS, *_PARQUET)


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    `named` is true if the file has column names. Otherwise the names are `Column_0` and so on. `notes` are decisions
    made while reading. `doubtful` columns are text: they have numbers like 1.031, and other columns have decimal
    commas. `reread` returns the table with more columns as text.
    """

    path: Path
    columns: "pa.Table"
    named: bool
    notes: tuple[str, ...] = ()
    doubtful: Collection[str] = ()
    reread: Callable[[Collection[str]], "pa.Table"] | None = field(default=None, compare=False)

    def with_texts(self, names: Collection[str]) -> "Table":
        """Return the table with these columns as text, exactly as in the file."""
        import pyarrow as pa

        if self.reread is not None:
            return replace(self, columns=self.reread(names))
        fields = [pa.field(one.name, pa.string()) if one.name in names else one for one in self.columns.schema]
        return replace(self, columns=self.columns.cast(pa.schema(fields)))


@dataclass(frozen=True)
class TableOptions:
    """The user's settings for the format of a text file. None means auto-detect.

    `texts` takes the names of all columns, and returns the columns that stay text.
    """

    separator: str | None = None
    encoding: str | None = None
    texts: Callable[[Sequence[str]], Collection[str]] = lambda _: ()


AUTOMATIC = TableOptions()


def read_table(
    path: Path,
    *,
    header: bool | None,
    references: tuple[str | int, ...] = (),
    options: TableOptions = AUTOMATIC,
    status: ReportStatus = no_status,
) -> Table:
    """Read a `.csv`, `.tsv` (both also `.gz`) or `.parquet` file.

    `header` states whether the first line of a CSV is a header. None means auto-detect. `references` are the names and
    positions of columns in the configuration. A first line with one of these names is a header. `status` receives the
    number of rows so far.

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
            table = _read_delimited(path, _SEPARATORS[suffix], references, options, status, header=header)
        else:
            raise DataError(
                f"{path} is not a table: expected a file that ends in {', '.join(TABLE_SUFFIXES)}",
                spreadsheet_hint(path),
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
        # read_table would turn folders named key=value into columns
        file = pyarrow.parquet.ParquetFile(path)
        status(f"{path.name}: reading {file.metadata.num_rows:,} rows")
        columns = file.read()
    except pa.ArrowException as error:
        raise DataError(f"failed to read {path} as Parquet: {error}", "check the file") from error
    metadata = columns.schema.pandas_metadata or {}
    columns = _with_categories(columns, _categories_of(metadata, file.metadata.metadata or {}))
    index = [name for name in metadata.get("index_columns", ()) if isinstance(name, str)]
    if not index:
        return Table(path, columns, named=True)
    note = f"{path.name}: the row index {', '.join(index)} is left out; to keep it, call `reset_index` in pandas"
    return Table(path, columns.drop_columns(index), named=True, notes=(note,))


def _categories_of(pandas: Mapping[str, Any], stored: Mapping[bytes, bytes]) -> set[str]:
    """Return the columns that the program that wrote the file marked as categorical."""
    import pyarrow as pa

    names = {one["field_name"] for one in pandas.get("columns", ()) if one["pandas_type"] == "categorical"}
    if encoded := stored.get(b"ARROW:schema"):
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(encoded)))
        names.update(one.name for one in schema if pa.types.is_dictionary(one.type))
    return names


def _with_categories(columns: "pa.Table", names: Collection[str]) -> "pa.Table":
    """Convert columns to Arrow dictionaries, which Parquet cannot store for numbers."""
    import pyarrow as pa

    for position, one in enumerate(columns.schema):
        if one.name in names and not pa.types.is_dictionary(one.type):
            columns = columns.set_column(position, one.name, columns.column(position).dictionary_encode())
    return columns


def _read_delimited(
    path: Path,
    default: str,
    references: tuple[str | int, ...],
    options: TableOptions,
    status: ReportStatus,
    *,
    header: bool | None,
) -> Table:
    dialect = detect_dialect(path, default, separator=options.separator, encoding=options.encoding)
    names = tuple(reference for reference in references if isinstance(reference, str))
    detected = detect_header(path, dialect.rows, names) if header is None else None
    named = detected.present if detected else bool(header)
    file = Delimited(path, dialect, status, named=named)
    texts = set(options.texts(file.names))
    columns = file.read(texts)
    reasons = (f"{path.name}: {detected.reason}",) if detected else ()
    return Table(
        path,
        columns,
        named=named,
        notes=(*dialect.notes, *file.notes, *reasons),
        doubtful=file.doubtful,
        reread=lambda more: file.read(texts.union(more)),
    )
